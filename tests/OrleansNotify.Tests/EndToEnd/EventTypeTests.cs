using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>The four types of events, and who gets them.</summary>
public sealed class EventTypeTests : IAsyncLifetime
{
    private NotifyCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await NotifyCluster.StartAsync(2, new() { ["Notify:Development:AllowUserParameter"] = "true" });

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Theory]
    [InlineData("broadcast", "@broadcast")]
    [InlineData("system", "@system")]
    public async Task Broadcast_and_system_events_reach_every_connection_unasked_and_once(string type, string channel)
    {
        await using var here = await WsClient.ConnectAsync(_cluster.Silos[0].WebSocket);
        await using var there = await WsClient.ConnectAsync(_cluster.Silos[1].WebSocket);
        await using var subscribed = await _cluster.Silos[1].WebSocket.Subscribed(channel);
        foreach (var client in new[] { here, there })
            await client.Ping(); // it is in

        for (var n = 1; n <= 3; n++)
            Assert.Equal(202, (await _cluster.Silos[0].Http.Post("/api/events", $$$"""{"type":"{{{type}}}","data":{"n":{{{n}}}}}""")).Status);

        foreach (var client in new[] { here, there, subscribed })
        {
            var events = await client.TakeEvents(3, channel);
            Assert.Equal([1, 2, 3], events.Numbers());
            await client.Ping();
            Assert.Empty(client.UntakenEvents());
        }
        Assert.True(here.Frames[1].Epoch is not null, "the first event tells the epoch");
        Assert.Null(here.Frames[2].Epoch);
        await subscribed.Unsubscribe(channel);
        await _cluster.Silos[1].Http.Post("/api/events", $$$"""{"type":"{{{type}}}","data":{"n":4}}""");
        Assert.Equal([4], (await subscribed.TakeEvents(1)).Numbers());
    }

    [Fact]
    public async Task An_idempotency_key_is_its_users()
    {
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Namespaces:talk:ClientPublish"] = "true", ["Notify:Development:AllowUserParameter"] = "true" });
        foreach (var (user, offset) in new[] { ("a", 1UL), ("b", 2UL), ("a", 1UL) })
        {
            await using var client = await WsClient.ConnectAsync(server.WebSocket, user);
            await client.Send(new { type = "publish", channel = "talk:x", data = 1, idempotencyKey = "k" });
            Assert.Equal(offset, (await client.Next("published")).Offset);
        }
    }

    [Fact]
    public async Task User_events_reach_all_connections_of_that_user_and_nobody_else()
    {
        await using var one = await WsClient.ConnectAsync(_cluster.Silos[0].WebSocket, user: "42");
        await using var two = await WsClient.ConnectAsync(_cluster.Silos[1].WebSocket, user: "42");
        await using var other = await WsClient.ConnectAsync(_cluster.Silos[1].WebSocket, user: "43");
        await using var nobody = await WsClient.ConnectAsync(_cluster.Silos[0].WebSocket);
        foreach (var client in new[] { one, two, other, nobody })
            await client.Ping(); // it is on its user's channel

        Assert.Equal(202, (await _cluster.Silos[1].Http.Post("/api/events", """{"type":"user","user":"42","data":{"n":1}}""")).Status);
        Assert.Equal([1], (await two.TakeEvents(1, "#42")).Numbers());
        await two.Subscribe("#42", "\"history\":1");
        Assert.Equal(202, (await _cluster.Silos[0].Http.Post("/api/events", """{"type":"user","user":"42","data":{"n":2}}""")).Status);

        Assert.Equal([1, 2], (await one.TakeEvents(2, "#42")).Numbers());
        Assert.Equal([1, 2], (await two.TakeEvents(2, "#42")).Numbers());
        foreach (var client in new[] { one, two, other, nobody })
        {
            await client.Ping();
            Assert.Empty(client.UntakenEvents());
        }
        await other.Send("""{"type":"subscribe","channel":"#42"}""");
        Assert.Equal(103, (await other.Take("error")).GetProperty("code").GetInt32());
    }

    [Fact]
    public async Task The_user_parameter_is_refused_where_it_is_not_enabled()
    {
        await using var server = await RunningServer.StartAsync();
        var refused = await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => WsClient.ConnectAsync(server.WebSocket, user: "42"));
        Assert.Contains("400", refused.Message, StringComparison.Ordinal);
    }
}
