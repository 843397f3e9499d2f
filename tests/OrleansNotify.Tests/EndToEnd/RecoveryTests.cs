using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

public sealed class RecoveryTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(new()
    {
        ["Notify:Namespaces:short:HistorySize"] = "5",
        ["Notify:Namespaces:long:HistorySize"] = "1000",
        ["Notify:Namespaces:live:Class"] = "Ephemeral",
        ["Notify:Namespaces:talk:ClientPublish"] = "true",
    });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task History_brings_the_last_ones_first_and_then_the_live_ones()
    {
        await _server.Http.PublishMany("h", 1, 10);
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        var reply = await client.Subscribe("h", "\"history\":3");
        await _server.Http.PublishMany("h", 11, 12);

        Assert.Equal(10UL, reply.GetProperty("offset").GetUInt64());
        Assert.Equal([8, 9, 10, 11, 12], (await client.TakeEvents(5)).Numbers());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task A_returning_client_gets_what_it_missed_once_and_in_order()
    {
        var (epoch, _) = await ReadTo("r", 3);
        await _server.Http.PublishMany("r", 4, 60);
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        var reply = await client.Subscribe("r", $$"""
            "recover":{"epoch":"{{epoch}}","offset":3}
            """);
        await _server.Http.PublishMany("r", 61, 62);

        Assert.True(reply.GetProperty("wasRecovering").GetBoolean());
        Assert.True(reply.GetProperty("recovered").GetBoolean());
        Assert.Equal(Enumerable.Range(4, 59), (await client.TakeEvents(59)).Numbers());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task Clients_that_come_back_together_cost_one_reading_of_what_they_missed()
    {
        var reads = 0;
        var mayRead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await RunningServer.StartAsync(configure: services => services.AddSingleton<IIncomingGrainCallFilter>(new CallFilter(async call =>
        {
            if (call.MethodName == nameof(IChannelGrain.Read) && call.TargetId.Key.ToString() == "storm")
            {
                Interlocked.Increment(ref reads);
                await mayRead.Task;
            }
            await call.Invoke();
        })));
        await server.Http.PublishMany("storm", 1, 60);
        await using var first = await server.WebSocket.Subscribed("storm");
        var epoch = first.Frames[^1].Epoch;
        var clients = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => WsClient.ConnectAsync(server.WebSocket)));
        foreach (var client in clients)
        {
            await client.Send($$"""{"type":"subscribe","channel":"storm","recover":{"epoch":"{{epoch}}","offset":3} }""");
            await client.Ping();
        }
        await using var last = await server.WebSocket.Subscribed("storm"); // behind all of them on the channel's lane
        mayRead.SetResult();

        foreach (var client in clients)
        {
            Assert.Equal(Enumerable.Range(4, 57), (await client.TakeEvents(57)).Numbers());
            await client.DisposeAsync();
        }
        Assert.Equal(1, reads);
    }

    [Fact]
    public async Task A_new_epoch_amid_a_recovery_begins_with_its_first_publication()
    {
        var filler = new string('x', 20_000);
        await using var client = await _server.WebSocket.Subscribed("filler");
        for (var n = 1; n <= 8; n++)
            await _server.Http.Publish("amid", $$"""{"n":{{n}},"filler":"{{filler}}"}""");
        await using var observer = await WsClient.ConnectAsync(_server.WebSocket);
        var epoch = (await observer.Subscribe("amid", "\"id\":1")).GetProperty("epoch").GetString()!;

        // The client reads nothing, until more waits for it than a recovery is fed behind.
        client.StopReading();
        await Until.True("more than 64 KiB wait for the client", async () =>
        {
            await _server.Http.Publish("filler", $"\"{filler}{filler}{filler}\""); // megabytes fit into the sockets' buffers
            return (await _server.Http.Get("/api/connections?channel=filler")).Body.GetProperty("connections")[0].GetProperty("queued").GetInt64() > 100_000;
        });
        await client.Send($$"""{"type":"subscribe","channel":"amid","recover":{"epoch":"{{epoch}}","offset":0} }""");
        await Until.Equal(2, "subscriptions", async () => (await _server.Http.Stats("amid")).Subscriptions);
        await using var last = await _server.WebSocket.Subscribed("amid"); // behind the client on the channel's lane

        Assert.True(ChannelEpoch.TryParse(epoch, out var old));
        var grain = _server.Services.GetRequiredService<IGrainFactory>().GetGrain<IChannelGrain>("amid");
        Assert.True((await grain.Read(new HistoryRequest(0, 0, 0, false, old with { Random = old.Random + 1 }))).Superseded);
        await observer.Take("position", "amid");
        await _server.Http.PublishMany("amid", 1, 3);
        await observer.TakeEvents(3);
        client.ResumeReading();

        var events = await client.TakeEvents(11, "amid");
        Assert.Equal([1UL, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3], events.Offsets());
    }

    [Fact]
    public async Task Nothing_missed_is_recovered_too()
    {
        var (epoch, _) = await ReadTo("nothing", 3);
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        var reply = await client.Subscribe("nothing", $$"""
            "recover":{"epoch":"{{epoch}}","offset":3}
            """);

        Assert.True(reply.GetProperty("recovered").GetBoolean());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task What_history_no_longer_reaches_is_not_recovered_in_part()
    {
        var (epoch, _) = await ReadTo("short:r", 1);
        await using var other = await _server.WebSocket.Subscribed("short:r");
        await _server.Http.PublishMany("short:r", 2, 7);
        await other.TakeEvents(6); // where the front-end is, too: what still comes to it is not missing
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        var reply = await client.Subscribe("short:r", $$"""
            "recover":{"epoch":"{{epoch}}","offset":1}
            """);

        Assert.False(reply.GetProperty("recovered").GetBoolean());
        Assert.Equal(7UL, reply.GetProperty("offset").GetUInt64());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Theory]
    [InlineData("\"recover\":{\"epoch\":\"EPOCH\",\"offset\":9999999}")]
    [InlineData("\"recover\":{\"epoch\":\"EPOCH\",\"offset\":18446744073709551615}")]
    [InlineData("\"recover\":{\"epoch\":\"nobody's\",\"offset\":1}")]
    [InlineData("\"recover\":{\"epoch\":\"7fffffffffffffff-1-1\",\"offset\":1}")]
    public async Task A_position_that_never_was_is_not_recovered_and_harms_nobody(string option)
    {
        await using var other = await _server.WebSocket.Subscribed("foreign");
        var (epoch, _) = await ReadTo("foreign", 2);
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        var reply = await client.Subscribe("foreign", option.Replace("EPOCH", epoch, StringComparison.Ordinal));

        Assert.False(reply.GetProperty("recovered").GetBoolean());
        Assert.Equal(2UL, reply.GetProperty("offset").GetUInt64());
        await _server.Http.Publish("foreign", """{"n":3}""");
        Assert.Equal([3], (await client.TakeEvents(1)).Numbers());
        Assert.Equal([1, 2, 3], (await other.TakeEvents(3)).Numbers());
        Assert.Equal(epoch, reply.GetProperty("epoch").GetString());
    }

    [Fact]
    public async Task An_ephemeral_channel_says_that_it_keeps_nothing()
    {
        var (epoch, _) = await ReadTo("live:e", 2);
        await using var other = await _server.WebSocket.Subscribed("live:e");
        await _server.Http.Publish("live:e", """{"n":3}""");
        Assert.Equal([3], (await other.TakeEvents(1)).Numbers()); // the front-end has it, so 2 is no longer where the channel is
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        var reply = await client.Subscribe("live:e", $$"""
            "recover":{"epoch":"{{epoch}}","offset":2}
            """);

        Assert.False(reply.GetProperty("recoverable").GetBoolean());
        Assert.False(reply.GetProperty("recovered").GetBoolean());
    }

    [Fact]
    public async Task Between_history_and_live_there_is_neither_gap_nor_duplicate_however_fast_one_publishes()
    {
        using var stop = new CancellationTokenSource();
        var published = 0;
        var publishing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await _server.Http.Publish("long:seam", $$"""{"n":{{++published}}}""");
        });
        await Until.True("some are published", () => Volatile.Read(ref published) > 20);
        string? epoch = null;
        var clients = new List<(WsClient Client, ulong First)>();
        for (var i = 0; i < 60; i++)
        {
            var client = await WsClient.ConnectAsync(_server.WebSocket);
            await client.Ping(); // it is in: what follows takes no longer than a call
            var since = (ulong)Volatile.Read(ref published) - 15;
            var reply = await client.Subscribe("long:seam", epoch is null ? "\"history\":20" : $$"""
                "recover":{"epoch":"{{epoch}}","offset":{{since}}}
                """);
            // History: the last 20 up to where it joined. Recovery: all behind what it had.
            clients.Add((client, epoch is null ? reply.GetProperty("offset").GetUInt64() - 19 : since + 1));
            Assert.True(epoch is null || reply.GetProperty("recovered").GetBoolean());
            epoch = reply.GetProperty("epoch").GetString();
        }
        await stop.CancelAsync();
        await publishing;

        foreach (var (client, first) in clients)
        {
            await Until.True("the last one arrives", () => client.Frames.Count > 1 && Last(client) == (ulong)published);
            var offsets = client.UntakenEvents().Offsets();
            Assert.Equal(Enumerable.Range((int)first, published - (int)first + 1).Select(o => (ulong)o), offsets);
            await client.DisposeAsync();
        }

        static ulong Last(WsClient client) => client.Frames[^1].Offset ?? 0;
    }

    [Fact]
    public async Task A_publication_is_encoded_once_however_many_get_it()
    {
        var metrics = _server.Services.GetRequiredService<NotifyMetrics>();
        var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => _server.WebSocket.Subscribed("once")));
        var before = metrics.TotalEncoded;

        await _server.Http.PublishMany("once", 1, 10);

        foreach (var client in clients)
            Assert.Equal(Enumerable.Range(1, 10), (await client.TakeEvents(10)).Numbers());
        Assert.Equal(10, metrics.TotalEncoded - before);
        await Task.WhenAll(clients.Select(c => c.DisposeAsync().AsTask()));
    }

    [Fact]
    public async Task A_client_publishes_where_it_may_and_need_not_hear_itself()
    {
        await using var speaker = await _server.WebSocket.Subscribed("talk:room");
        await using var listener = await _server.WebSocket.Subscribed("talk:room");

        await speaker.Send("""{"type":"publish","id":1,"channel":"talk:room","data":{"n":1},"echo":false}""");
        var published = await speaker.Take("published");
        await speaker.Send("""{"type":"publish","id":2,"channel":"talk:room","data":{"n":2},"event":"said","tags":["a"]}""");

        Assert.Equal((1, 1UL), (published.GetProperty("id").GetInt32(), published.GetProperty("offset").GetUInt64()));
        var heard = await listener.TakeEvents(2);
        Assert.Equal([1, 2], heard.Numbers());
        Assert.Equal("said", heard[1].Json.GetProperty("event").GetString());
        Assert.Equal("a", heard[1].Json.GetProperty("tags")[0].GetString());
        Assert.Equal([2], (await speaker.TakeEvents(1)).Numbers());
        Assert.Empty(speaker.UntakenEvents());
    }

    [Fact]
    public async Task History_can_be_read_without_subscribing()
    {
        await _server.Http.PublishMany("read", 1, 8);
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        await client.Send("""{"type":"history","id":"a","channel":"read","limit":2,"reverse":true}""");
        var page = await client.Take("history");

        Assert.Equal("a", page.GetProperty("id").GetString());
        Assert.Equal(8UL, page.GetProperty("offset").GetUInt64());
        Assert.Equal([8, 7], page.GetProperty("publications").EnumerateArray().Numbers());
        await client.Send($$$"""{"type":"history","id":"b","channel":"read","since":{"epoch":"{{{page.GetProperty("epoch").GetString()}}}","offset":6}}""");
        Assert.Equal([7, 8], (await client.Take("history")).GetProperty("publications").EnumerateArray().Numbers());
        await client.Send("""{"type":"history","id":"c","channel":"read","since":{"epoch":"1-1-1","offset":6}}""");
        Assert.Equal(112, (await client.Take("error")).GetProperty("code").GetInt32());
    }

    private async Task<(string Epoch, ulong Offset)> ReadTo(string channel, int count)
    {
        await using var client = await _server.WebSocket.Subscribed(channel);
        await _server.Http.PublishMany(channel, 1, count);
        var last = (await client.TakeEvents(count))[^1];
        var reply = client.Frames.First(e => e.Type == "subscribed");
        return (reply.Epoch!, last.Offset!.Value);
    }
}
