using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Starting, stopping, silence and slowness.</summary>
public sealed class LifecycleTests
{
    [Fact]
    public async Task Stopping_takes_two_seconds_at_most_and_every_client_gets_a_close_frame_that_means_reconnect()
    {
        await using var server = await ServerProcess.StartAsync();
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => server.WebSocket.Subscribed("stop")));

        var started = TimeProvider.System.GetTimestamp();
        const int interrupt = 2; // SIGINT, as Ctrl-C
        Assert.Equal(0, await server.StopAsync(interrupt));
        var took = TimeProvider.System.GetElapsedTime(started);

        Assert.True(took < TimeSpan.FromSeconds(2), $"stopping took {took}");
        foreach (var client in clients)
        {
            Assert.Equal((int)DisconnectCode.Shutdown, (await client.Closed()).Code);
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_client_that_answers_no_ping_is_dropped_and_one_that_does_stays()
    {
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Limits:PingInterval"] = "00:00:02", ["Notify:Limits:PongTimeout"] = "00:00:01" });
        await using var alive = await server.WebSocket.Subscribed("silence");
        await using var silent = await RawSocket.OpenAsync(server.WebSocket.Port);
        await silent.SendText("""{"type":"subscribe","channel":"silence"}""");

        // A ping after 2 s, a second for the answer, looked for once a second; the default for the answer is 8 s.
        Assert.Equal((int)DisconnectCode.NoPong, await silent.ReadCloseCode(TimeSpan.FromSeconds(6)));

        await Until.Equal((1, 1), "counts", () => server.Http.Stats("silence"));
        await server.Http.Publish("silence", """{"n":1}""");
        Assert.Equal([1], (await alive.TakeEvents(1)).Numbers());
    }

    [Fact]
    public async Task A_slow_reader_is_closed_as_slow_and_the_others_get_everything()
    {
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Limits:OutboxStall"] = "00:00:01" });
        await using var fast = await server.WebSocket.Subscribed("slow");
        await using var slow = await RawSocket.OpenAsync(server.WebSocket.Port);
        await slow.SendText("""{"type":"subscribe","channel":"slow"}""");
        await Until.Equal((2, 2), "counts", () => server.Http.Stats("slow"));
        var filler = new string('x', 60_000);

        // More than socket buffers and outbox hold together; the slow one reads nothing.
        var published = 0;
        await Until.True(
            "the slow one leaves the counts",
            async () =>
            {
                for (var i = 0; i < 20; i++)
                    await server.Http.Publish("slow", $$"""{"n":{{++published}},"filler":"{{filler}}"}""");
                return await server.Http.Stats("slow") == (1, 1);
            },
            TimeSpan.FromSeconds(30));

        Assert.Equal(Enumerable.Range(1, published), (await fast.TakeEvents(published)).Numbers());
        Assert.Equal((int)DisconnectCode.Slow, await slow.ReadCloseCode(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task What_waits_for_a_slow_reader_stays_within_its_outbox()
    {
        const int outbox = 128 << 10;
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Limits:OutboxBytes"] = $"{outbox}", ["Notify:Limits:OutboxStall"] = "00:05:00" });
        await using var slow = await RawSocket.OpenAsync(server.WebSocket.Port);
        await slow.SendText("""{"type":"subscribe","channel":"slow"}""");
        await Until.Equal((1, 1), "counts", () => server.Http.Stats("slow"));

        var most = await PublishUntil(server, 10_000, pending => pending is null);

        // Nothing is let in that does not fit, so that the last one seen left less room than an event needs.
        Assert.InRange(most, outbox - 10_200, outbox);
        Assert.Equal((int)DisconnectCode.Slow, await slow.ReadCloseCode(TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public async Task A_reader_that_stands_still_is_closed_as_slow_however_much_room_its_outbox_has()
    {
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Limits:OutboxBytes"] = $"{64 << 20}", ["Notify:Limits:OutboxStall"] = "00:00:01" });
        await using var still = await RawSocket.OpenAsync(server.WebSocket.Port);
        await still.SendText("""{"type":"subscribe","channel":"slow"}""");
        await Until.Equal((1, 1), "counts", () => server.Http.Stats("slow"));

        await PublishUntil(server, 60_000, pending => pending is null or > 0);

        // Looked for once a second; the default is 10 s.
        await Until.Equal((0, 0), "counts", () => server.Http.Stats("slow"), TimeSpan.FromSeconds(6));
        Assert.Equal((int)DisconnectCode.Slow, await still.ReadCloseCode(TimeSpan.FromSeconds(10)));
    }

    // Publishes to the one subscriber of "slow" until what waits for it (null: it has gone) is enough. Returns the most that was seen waiting.
    private static async Task<long> PublishUntil(RunningServer server, int bytes, Predicate<long?> isEnough)
    {
        var data = $"\"{new string('x', bytes)}\"";
        long most = 0;
        await Until.True(
            "enough waits for the slow reader",
            async () =>
            {
                await server.Http.Publish("slow", data);
                var connections = (await server.Http.Get("/api/connections")).Body.GetProperty("connections");
                long? pending = connections.GetArrayLength() == 0 ? null : connections[0].GetProperty("queued").GetInt64();
                most = Math.Max(most, pending ?? 0);
                return isEnough(pending);
            },
            TimeSpan.FromSeconds(30));
        return most;
    }

    [Fact]
    public async Task Recovering_a_megabyte_is_not_slowness()
    {
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Limits:OutboxBytes"] = "65536" });
        var filler = new string('x', 3_000);
        var first = await server.Http.Publish("big", """{"n":0}""");
        for (var n = 1; n <= 90; n++)
            await server.Http.Publish("big", $$"""{"n":{{n}},"filler":"{{filler}}"}""");
        await using var client = await WsClient.ConnectAsync(server.WebSocket);

        var reply = await client.Subscribe("big", $$"""
            "recover":{"epoch":"{{first.GetProperty("epoch").GetString()}}","offset":1}
            """);
        await server.Http.Publish("big", """{"n":91}""");

        Assert.True(reply.GetProperty("recovered").GetBoolean());
        Assert.Equal(Enumerable.Range(1, 91), (await client.TakeEvents(91)).Numbers());
    }

    [Fact]
    public async Task It_refuses_to_listen_to_the_network_unless_told_that_this_is_insecure()
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => ServerProcess.StartAsync(arguments: ["--urls", "http://0.0.0.0:0"]));
        Assert.Contains("--insecure", refused.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_setting_ends_the_start_with_a_sentence_that_names_it()
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => ServerProcess.StartAsync(arguments: ["--Notify:Limits:OutboxBytes", "12"]));
        Assert.Contains("Notify:Limits:OutboxBytes", refused.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refused.Message, StringComparison.Ordinal);
    }
}
