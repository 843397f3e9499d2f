using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>The checklist of the service's purpose, each item against a real server over real sockets.</summary>
public sealed class ChecklistTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Connections_are_accepted()
    {
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        await Until.True("it is counted", async () => await _server.Http.Stats("any") == (1, 0));
        Assert.Empty(client.Frames);
    }

    [Fact]
    public async Task A_thousand_clients_at_once_each_get_every_event()
    {
        const int count = 1000;
        var clients = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => _server.WebSocket.Subscribed("many")));
        Assert.Equal((count, count), await _server.Http.Stats("many"));

        await _server.Http.PublishMany("many", 1, 20);

        foreach (var client in clients)
            Assert.Equal(Enumerable.Range(1, 20), (await client.TakeEvents(20)).Numbers());
        foreach (var client in clients)
            Assert.Empty(client.UntakenEvents());
        await Task.WhenAll(clients.Select(c => c.DisposeAsync().AsTask()));
        await Until.Equal((0, 0), "connections", () => _server.Http.Stats("many"));
    }

    [Fact]
    public async Task Subscribing_and_unsubscribing_work()
    {
        await using var witness = await _server.WebSocket.Subscribed("news");
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        var subscribed = await client.Subscribe("news");
        Assert.Equal("news", subscribed.Channel);
        Assert.True(subscribed.Json.GetProperty("recoverable").GetBoolean());
        await _server.Http.Publish("news", """{"n":1}""");
        Assert.Equal([1], (await client.TakeEvents(1)).Numbers());

        Assert.Equal("news", (await client.Unsubscribe("news")).Channel);
        await _server.Http.Publish("news", """{"n":2}""");
        // A subscription starts where its front-end stands, so the front-end has to have seen 2 before.
        Assert.Equal([1, 2], (await witness.TakeEvents(2)).Numbers());
        await client.Subscribe("news");
        await _server.Http.Publish("news", """{"n":3}""");

        Assert.Equal([3], (await client.TakeEvents(1)).Numbers());
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task Events_reach_everyone_subscribed()
    {
        await using var one = await _server.WebSocket.Subscribed("notifications");
        await using var two = await _server.WebSocket.Subscribed("notifications");

        var accepted = await _server.Http.Publish("notifications", """{"message":"New update available!","priority":"high"}""");

        foreach (var client in new[] { one, two })
        {
            var received = (await client.TakeEvents(1))[0].Json;
            Assert.Equal("notifications", received.GetProperty("channel").GetString());
            Assert.Equal(1UL, received.GetProperty("offset").GetUInt64());
            Assert.Equal(accepted.GetProperty("id").GetString(), received.GetProperty("id").GetString());
            var data = received.GetProperty("data");
            Assert.Equal(["id", "timestamp", "message", "priority"], data.EnumerateObject().Select(p => p.Name));
            Assert.Equal("New update available!", data.GetProperty("message").GetString());
        }
    }

    [Fact]
    public async Task Only_subscribed_channels_are_delivered()
    {
        await using var client = await _server.WebSocket.Subscribed("a", "c");
        await _server.Http.Publish("b", """{"n":1}""");
        await _server.Http.Publish("a", """{"n":2}""");
        await _server.Http.Publish("c", """{"n":3}""");

        Assert.Equal([2], (await client.TakeEvents(1, "a")).Numbers());
        Assert.Equal([3], (await client.TakeEvents(1, "c")).Numbers());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task Disconnected_clients_are_cleaned_up_whether_they_close_or_vanish()
    {
        await using var closing = await _server.WebSocket.Subscribed("gone");
        await using var vanishing = await _server.WebSocket.Subscribed("gone");
        await using var staying = await _server.WebSocket.Subscribed("gone");
        Assert.Equal((3, 3), await _server.Http.Stats("gone"));

        await closing.CloseAsync();
        await Until.Equal((2, 2), "counts behind a close", () => _server.Http.Stats("gone"));
        vanishing.Abort();
        await Until.Equal((1, 1), "counts behind a cut", () => _server.Http.Stats("gone"));

        await _server.Http.Publish("gone", """{"n":1}""");
        Assert.Equal([1], (await staying.TakeEvents(1)).Numbers());
    }

    [Fact]
    public async Task Publishing_over_http_answers_with_the_position()
    {
        var first = await _server.Http.Publish("positions", """{"n":1}""");
        var second = await _server.Http.Publish("positions", """{"n":2}""");

        Assert.Equal("positions", first.GetProperty("channel").GetString());
        Assert.StartsWith("evt_", first.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal((1, 2), (first.GetProperty("offset").GetInt32(), second.GetProperty("offset").GetInt32()));
        Assert.Equal(first.GetProperty("epoch").GetString(), second.GetProperty("epoch").GetString());
    }

    [Fact]
    public async Task Statistics_are_accurate_at_every_step()
    {
        Assert.Equal((0, 0), await _server.Http.Stats("x"));
        await using var one = await _server.WebSocket.Subscribed("x", "y");
        await using var two = await _server.WebSocket.Subscribed("x");
        Assert.Equal((2, 2), await _server.Http.Stats("x"));
        Assert.Equal((2, 1), await _server.Http.Stats("y"));

        await one.Unsubscribe("x");
        Assert.Equal((2, 1), await _server.Http.Stats("x"));
        await _server.Http.PublishMany("x", 1, 5);
        await two.TakeEvents(5);

        var (_, stats) = await _server.Http.Get("/api/stats");
        Assert.Equal(5, stats.GetProperty("published").GetInt64());
        await Until.Equal(5L, "delivered", async () => (await _server.Http.Get("/api/stats")).Body.GetProperty("delivered").GetInt64());
        Assert.Equal(1, stats.GetProperty("silos").GetInt32());
    }

    [Fact]
    public async Task A_ping_gets_its_pong()
    {
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        await client.Send("""{"type":"ping","id":"7"}""");
        Assert.Equal("7", (await client.Take("pong")).GetProperty("id").GetString());
        await client.Send("""{"type":"ping"}""");
        Assert.False((await client.Take("pong")).TryGetProperty("id", out _));
    }

    [Theory]
    [InlineData("nonsense", 107)]
    [InlineData("""{"type":"dance"}""", 104)]
    [InlineData("""{"type":"subscribe"}""", 107)]
    [InlineData("""{"type":"subscribe","channel":"two words"}""", 107)]
    [InlineData("""{"type":"unsubscribe","channel":"never"}""", 108)]
    [InlineData("""{"type":"subscribe","channel":"nowhere:x"}""", 102)]
    [InlineData("""{"type":"publish","channel":"x","data":1}""", 103)]
    public async Task An_invalid_request_gets_an_error_message_and_the_connection_goes_on(string request, int code)
    {
        await using var client = await _server.WebSocket.Subscribed("stay");

        await client.Send(request);

        var error = await client.Take("error");
        Assert.Equal(code, error.GetProperty("code").GetInt32());
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
        await _server.Http.Publish("stay", """{"n":1}""");
        Assert.Equal([1], (await client.TakeEvents(1)).Numbers());
    }
}
