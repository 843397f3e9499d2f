using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Subscriptions that want some tags only, over a real socket.</summary>
public sealed class FilteredTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private Func<Task>? _beforeRead;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(
        new()
        {
            ["Notify:Namespaces:short:HistorySize"] = "5",
            ["Notify:Namespaces:talk:Presence"] = "true",
        },
        services => services.AddSingleton<IIncomingGrainCallFilter>(new CallFilter(async call =>
        {
            if (call.MethodName == nameof(IChannelGrain.Read) && _beforeRead is { } wait)
                await wait();
            await call.Invoke();
        })));

    public async Task DisposeAsync()
    {
        Assert.Empty(_server.Log.Errors);
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Only_what_carries_one_of_the_tags_comes_and_others_get_everything()
    {
        await using var all = await _server.WebSocket.Subscribed("news");
        await using var some = await Filtered("news", "a", "b");
        await using var same = await Filtered("news", "b", "a");
        await using var none = await Filtered("news", "A");

        await Publish("news", 1, "a");
        await Publish("news", 2, "x", "b");
        await Publish("news", 3);
        await Publish("news", 4, "x");
        await Publish("news", 5, "a", "b");

        Assert.Equal([1, 2, 3, 4, 5], (await all.TakeEvents(5)).Numbers());
        foreach (var client in new[] { some, same })
        {
            var events = await client.TakeEvents(3);
            Assert.Equal([1, 2, 5], events.Numbers());
            Assert.Equal([1UL, 2, 5], events.Offsets());
            await NothingElse(client);
        }
        await NothingElse(none);
    }

    [Fact]
    public async Task Many_with_one_filter_share_a_publication_encoded_once_with_those_who_have_none()
    {
        var clients = await Task.WhenAll(Enumerable.Range(0, 300).Select(_ => Filtered("crowd", "a")));
        await using var all = await _server.WebSocket.Subscribed("crowd");
        var metrics = _server.Services.GetRequiredService<NotifyMetrics>();
        var before = metrics.TotalEncoded;
        foreach (var (n, tag) in new[] { (1, "b"), (2, "a"), (3, "a") })
        {
            await Publish("crowd", n, tag);
            await all.TakeEvents(1); // one by one: none travel together
        }
        foreach (var client in clients)
        {
            Assert.Equal([2, 3], (await client.TakeEvents(2)).Numbers());
            await client.DisposeAsync();
        }
        Assert.Equal(3, metrics.TotalEncoded - before);
    }

    [Fact]
    public async Task What_travels_together_is_filtered_one_by_one()
    {
        await using var odd = await Filtered("batch", "odd");
        await using var even = await Filtered("batch", "even");
        var items = Enumerable.Range(1, 100).Select(n => $$"""{"channel":"batch","data":{"n":{{n}}},"tags":["{{(n % 2 == 1 ? "odd" : "even")}}"]}""");
        Assert.Equal(200, (await _server.Http.Post("/api/events/batch", $"[{string.Join(',', items)}]")).Status);

        Assert.Equal(Enumerable.Range(1, 100).Where(n => n % 2 == 1), (await odd.TakeEvents(50)).Numbers());
        Assert.Equal(Enumerable.Range(1, 100).Where(n => n % 2 == 0), (await even.TakeEvents(50)).Numbers());
        await NothingElse(odd);
        await NothingElse(even);
    }

    [Fact]
    public async Task History_is_the_last_ones_that_are_wanted()
    {
        foreach (var n in Enumerable.Range(1, 9))
            await Publish("h", n, n % 3 == 0 ? "third" : "other");
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        Assert.Equal(9UL, (await client.Subscribe("h", "\"history\":2,\"tags\":[\"third\"]")).GetProperty("offset").GetUInt64());
        await Publish("h", 10, "other");
        await Publish("h", 11, "third");

        Assert.Equal([6, 9, 11], (await client.TakeEvents(3)).Numbers());
        await NothingElse(client);
    }

    [Fact]
    public async Task What_comes_while_its_history_is_read_is_filtered_too()
    {
        await Publish("h", 1, "a");
        await using var all = await _server.WebSocket.Subscribed("h");
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        TaskCompletionSource reads = new(TaskCreationOptions.RunContinuationsAsynchronously), go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _beforeRead = () =>
        {
            reads.TrySetResult();
            return go.Task;
        };
        await client.Send(new { type = "subscribe", channel = "h", tags = new[] { "a" }, history = 9 });
        await reads.Task;
        await Publish("h", 2, "x");
        await Publish("h", 3, "a");
        await Publish("h", 4, "x");
        await all.TakeEvents(3);
        go.SetResult();

        Assert.Equal([1, 3], (await client.TakeEvents(2)).Numbers());
        await NothingElse(client);
    }

    [Fact]
    public async Task A_client_that_comes_back_with_a_position_it_was_told_gets_what_it_missed_and_wants_once()
    {
        string epoch;
        await using (var client = await Filtered("short:r", "a"))
        {
            await Publish("short:r", 1, "a");
            epoch = client.Frames[0].Epoch!;
            await client.TakeEvents(1);
            foreach (var n in Enumerable.Range(2, 7))
                await Publish("short:r", n, "x");
            Assert.Equal($$"""{"type":"position","channel":"short:r","epoch":"{{epoch}}","offset":8,"recovered":true}""", (await Told(client, 8)).Text);
        }
        foreach (var n in Enumerable.Range(9, 4))
            await Publish("short:r", n, n % 2 == 0 ? "a" : "x");

        // Behind the last event it had, eleven were published, and five are kept; behind the position it was told, four.
        await using var again = await WsClient.ConnectAsync(_server.WebSocket);
        var reply = await again.Subscribe("short:r", $$"""
            "tags":["a"],"recover":{"epoch":"{{epoch}}","offset":8}
            """);
        await Publish("short:r", 13, "a");

        Assert.True(reply.GetProperty("recovered").GetBoolean());
        Assert.Equal([10, 12, 13], (await again.TakeEvents(3)).Numbers());
        await NothingElse(again);

        await using var late = await WsClient.ConnectAsync(_server.WebSocket);
        reply = await late.Subscribe("short:r", $$"""
            "tags":["a"],"recover":{"epoch":"{{epoch}}","offset":1}
            """);
        Assert.False(reply.GetProperty("recovered").GetBoolean());
        await NothingElse(late);
    }

    [Fact]
    public async Task A_position_is_told_when_it_has_moved_past_what_is_not_wanted_and_only_then()
    {
        await using var client = await Filtered("p", "a");
        await using var all = await _server.WebSocket.Subscribed("p");
        await Publish("p", 1, "x");
        Assert.Equal(1UL, (await Told(client, 1)).Offset);
        await Publish("p", 2, "a");
        await client.TakeEvents(1);
        Passed();
        await Publish("p", 3, "x");
        Assert.Equal(3UL, (await Told(client, 3)).Offset);
        Passed();
        Passed();
        await Publish("p", 4, "a");
        await client.TakeEvents(1);

        await NothingElse(client);
        Assert.Equal([1UL, 3], client.Frames.Where(f => f.Type == "position").Select(f => f.Offset!.Value));
        await all.TakeEvents(4);
        await all.Ping();
        Assert.DoesNotContain(all.Frames, f => f.Type == "position");
    }

    [Fact]
    public async Task Positions_are_told_every_ten_seconds()
    {
        await using var client = await Filtered("slow", "a");
        await Publish("slow", 1, "x");
        Assert.Equal(1UL, (await client.Next("position", TimeSpan.FromSeconds(25))).Offset);
    }

    [Fact]
    public async Task Whoever_is_on_a_channel_also_by_a_pattern_gets_what_either_wants_once()
    {
        await using var client = await Filtered("chat.a", "a");
        await client.Subscribe("chat.**", "\"tags\":[\"b\"]");
        await Three(1); // a, b and neither
        Assert.Equal([1, 2], (await client.TakeEvents(2)).Numbers());

        await client.Subscribe("chat.*");
        await Three(4);
        Assert.Equal([4, 5, 6], (await client.TakeEvents(3)).Numbers());

        await client.Unsubscribe("chat.*");
        await Three(7);
        Assert.Equal([7, 8], (await client.TakeEvents(2)).Numbers());

        await client.Unsubscribe("chat.a");
        await Three(10);
        Assert.Equal([11], (await client.TakeEvents(1)).Numbers());

        await client.Subscribe("chat.a");
        await Three(13);
        Assert.Equal([13, 14, 15], (await client.TakeEvents(3)).Numbers());

        await client.Unsubscribe("chat.a");
        await client.Unsubscribe("chat.**");
        await Three(16);
        await NothingElse(client);

        async Task Three(int first)
        {
            await Publish("chat.a", first, "a");
            await Publish("chat.a", first + 1, "b");
            await Publish("chat.a", first + 2);
        }
    }

    [Fact]
    public async Task A_filtered_pattern_is_told_positions_of_its_channels_and_recovers_from_them()
    {
        string epoch;
        await using (var client = await WsClient.ConnectAsync(_server.WebSocket))
        {
            await client.Subscribe("room.*", "\"tags\":[\"a\"]");
            await Publish("room.1", 1, "x");
            epoch = (await Told(client, 1)).Epoch!;
        }
        await Publish("room.1", 2, "a");
        await Publish("room.1", 3, "x");

        await using var again = await WsClient.ConnectAsync(_server.WebSocket);
        await again.Subscribe("room.*", $$"""
            "tags":["a"],"recover":[{"channel":"room.1","epoch":"{{epoch}}","offset":1}]
            """);
        Assert.True((await again.Take("position", "room.1")).GetProperty("recovered").GetBoolean());
        await Publish("room.1", 4, "a");
        Assert.Equal([2, 4], (await again.TakeEvents(2)).Numbers());
        await NothingElse(again);
    }

    [Fact]
    public async Task A_recovery_by_a_wider_pattern_of_what_its_own_subscription_narrows_is_told_to_be_none()
    {
        await using var client = await Filtered("mix.a", "a");
        var epoch = client.Frames[0].Epoch;
        await Publish("mix.a", 1, "x");
        await Publish("mix.a", 2, "a");
        await client.TakeEvents(1);

        await client.Send(new { type = "subscribe", channel = "mix.*", recover = new[] { new { channel = "mix.a", epoch, offset = 0 } } });
        Assert.Equal(2UL, (await client.Next("position", frame => !frame.Json.GetProperty("recovered").GetBoolean())).Offset);
        await Publish("mix.a", 3, "x");
        Assert.Equal([3], (await client.TakeEvents(1)).Numbers());
        await NothingElse(client);
    }

    [Fact]
    public async Task A_filter_hides_nobody_s_coming_and_going_and_nobody_by_it()
    {
        await using var watcher = await WsClient.ConnectAsync(_server.WebSocket);
        await watcher.Subscribe("talk:a", "\"tags\":[\"x\"],\"presence\":true");
        await using (await Filtered("talk:a", "y"))
            await watcher.Take("join", "talk:a");
        await watcher.Take("leave", "talk:a");
    }

    // What has been published before has come to the front-end when another connection has it; what is told goes the same way.
    private async Task<WsFrame> Told(WsClient client, ulong offset)
    {
        await using var other = await WsClient.ConnectAsync(_server.WebSocket);
        var channel = client.Frames.Select(f => f.Channel).First(name => name is not null)!.Replace("*", "1", StringComparison.Ordinal);
        await Until.True($"the front-end has {channel} up to {offset}", async () =>
        {
            var reply = await other.Subscribe(channel);
            await other.Unsubscribe(channel);
            return reply.Offset == offset;
        });
        Passed();
        return await client.Next("position", frame => frame.Offset == offset);
    }

    private void Passed() => _server.Services.GetRequiredService<NotifyFrontEnd>().TellPassed();

    private async Task<WsClient> Filtered(string channel, params string[] tags)
    {
        var client = await WsClient.ConnectAsync(_server.WebSocket, timeout: TimeSpan.FromSeconds(30));
        await client.Send(new { type = "subscribe", channel, tags });
        await client.Next("subscribed");
        return client;
    }

    private async Task Publish(string channel, int n, params string[] tags)
    {
        var list = string.Join(',', tags.Select(tag => $"\"{tag}\""));
        Assert.Equal(202, (await _server.Http.Post("/api/events", $$"""{"channel":"{{channel}}","data":{"n":{{n}}},"tags":[{{list}}]}""")).Status);
    }

    private static async Task NothingElse(WsClient client)
    {
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }
}
