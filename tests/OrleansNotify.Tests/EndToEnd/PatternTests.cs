using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Subscriptions to patterns, on one silo.</summary>
public sealed class PatternTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(new() { ["Notify:Namespaces:ns:HistorySize"] = "3", ["Notify:Namespaces:shut:ClientSubscribe"] = "false" });

    public async Task DisposeAsync()
    {
        Assert.Empty(_server.Log.Errors);
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_pattern_gets_every_channel_it_matches_also_those_that_did_not_exist()
    {
        await _server.Http.PublishMany("chat.old", 1, 3);
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        await client.Send("""{"type":"subscribe","channel":"chat.*","id":1}""");
        Assert.Equal("""{"type":"subscribed","channel":"chat.*","id":1}""", (await client.Next()).Text);

        await _server.Http.PublishMany("chat.old", 4, 5);
        await _server.Http.PublishMany("chat.new", 1, 2);
        foreach (var unmatched in new[] { "chat", "chat.a.b", "chatter.a", "ns:chat.a", "chat.a#42", "$chat.a" })
            await _server.Http.Publish(unmatched, "1");
        await _server.Http.PublishMany("chat.old", 6, 6);

        var events = await client.TakeEvents(5);
        Assert.Equal([4, 5, 6], events.Where(e => e.Channel == "chat.old").Numbers());
        Assert.Equal([4UL, 5, 6], events.Where(e => e.Channel == "chat.old").Offsets());
        Assert.Equal([1, 2], events.Where(e => e.Channel == "chat.new").Numbers());
        Assert.Equal([true, false, false], events.Where(e => e.Channel == "chat.old").Select(e => e.Epoch is not null)); // told once
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task Two_stars_are_one_level_or_more_and_a_namespace_is_its_own_world()
    {
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        await client.Subscribe("ns:a.**");
        await client.Subscribe("ns:*");

        foreach (var channel in new[] { "ns:a", "ns:a.b", "ns:a.b.c", "ns:b.c", "a.b" })
            await _server.Http.Publish(channel, "{\"n\":1}");

        Assert.Equal(["ns:a", "ns:a.b", "ns:a.b.c"], (await client.TakeEvents(3)).Select(e => e.Channel!).Order());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task However_many_subscriptions_cover_a_channel_it_comes_once()
    {
        await using var client = await _server.WebSocket.Subscribed("chat.a", "chat.*", "chat.**");
        await _server.Http.PublishMany("chat.a", 1, 2);
        Assert.Equal([1, 2], (await client.TakeEvents(2)).Numbers());

        await client.Unsubscribe("chat.a");
        await _server.Http.PublishMany("chat.a", 3, 4);
        await client.Unsubscribe("chat.*");
        await _server.Http.PublishMany("chat.a", 5, 6);
        await client.Subscribe("chat.a");
        await _server.Http.PublishMany("chat.a", 7, 8);
        await client.Unsubscribe("chat.**");
        await _server.Http.PublishMany("chat.a", 9, 10);
        await client.Unsubscribe("chat.a");
        await _server.Http.PublishMany("chat.a", 11, 12);

        Assert.Equal(Enumerable.Range(3, 8), (await client.TakeEvents(8)).Numbers());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task Nothing_comes_behind_unsubscribed_and_others_still_get_it()
    {
        await using var leaving = await _server.WebSocket.Subscribed("chat.*");
        await using var staying = await _server.WebSocket.Subscribed("chat.*");
        await _server.Http.PublishMany("chat.a", 1, 1);
        await leaving.TakeEvents(1);

        await leaving.Unsubscribe("chat.*");
        await _server.Http.PublishMany("chat.a", 2, 2);
        await _server.Http.PublishMany("chat.b", 1, 1);

        Assert.Equal(["chat.a", "chat.a", "chat.b"], (await staying.TakeEvents(3)).Select(e => e.Channel!).Order());
        await leaving.Ping();
        Assert.Empty(leaving.UntakenEvents());
    }

    [Fact]
    public async Task A_client_that_comes_back_lists_where_it_was_in_each_channel()
    {
        string epochA, epochB;
        await using (var client = await _server.WebSocket.Subscribed("ns:*"))
        {
            await _server.Http.PublishMany("ns:a", 1, 2);
            await _server.Http.PublishMany("ns:b", 1, 1);
            var seen = await client.TakeEvents(3);
            epochA = seen.First(e => e.Channel == "ns:a").Epoch!;
            epochB = seen.First(e => e.Channel == "ns:b").Epoch!;
        }
        await _server.Http.PublishMany("ns:a", 3, 5); // three are kept
        await _server.Http.PublishMany("ns:b", 2, 5); // four
        await _server.Http.PublishMany("ns:c", 1, 1);

        await using var again = await WsClient.ConnectAsync(_server.WebSocket);
        await again.Send(new
        {
            type = "subscribe",
            channel = "ns:*",
            recover = new object[] { new { channel = "ns:a", epoch = epochA, offset = 2 }, new { channel = "ns:b", epoch = epochB, offset = 1 } },
        });
        Assert.Equal("""{"type":"subscribed","channel":"ns:*"}""", (await again.Next()).Text);
        var a = await again.Next("position", frame => frame.Channel == "ns:a");
        var b = await again.Next("position", frame => frame.Channel == "ns:b");
        await _server.Http.PublishMany("ns:a", 6, 6);
        await _server.Http.PublishMany("ns:b", 6, 6);
        await _server.Http.PublishMany("ns:c", 2, 2);

        Assert.Equal((true, 5UL), (a.Json.GetProperty("recovered").GetBoolean(), a.Offset));
        Assert.Equal((false, 5UL), (b.Json.GetProperty("recovered").GetBoolean(), b.Offset));
        var events = await again.TakeEvents(6);
        Assert.Equal([3, 4, 5, 6], events.Where(e => e.Channel == "ns:a").Numbers());
        Assert.Equal([6], events.Where(e => e.Channel == "ns:b").Numbers());
        Assert.Equal([2], events.Where(e => e.Channel == "ns:c").Numbers()); // not listed: from now on
    }

    [Fact]
    public async Task A_recovery_of_what_another_subscription_brings_doubles_nothing()
    {
        await using var client = await _server.WebSocket.Subscribed("chat.a");
        await _server.Http.PublishMany("chat.a", 1, 2);
        var epoch = client.Frames[0].Epoch;
        await client.TakeEvents(2);

        await client.Send(new { type = "subscribe", channel = "chat.*", recover = new[] { new { channel = "chat.a", epoch, offset = 0 } } });
        await client.Next("subscribed");
        await _server.Http.PublishMany("chat.a", 3, 3);

        Assert.Equal([3], (await client.TakeEvents(1)).Numbers());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Theory]
    [InlineData("chat*", 107, "Invalid channel: a pattern is a name whose levels may be '*' (one level), the last also '**' (one or more), without '$', '@' and '#', and with no '*' in its namespace.")]
    [InlineData("chat.**.x", 107, "Invalid channel: a pattern is a name whose levels may be '*' (one level), the last also '**' (one or more), without '$', '@' and '#', and with no '*' in its namespace.")]
    [InlineData("$chat.*", 107, "Invalid channel: a pattern is a name whose levels may be '*' (one level), the last also '**' (one or more), without '$', '@' and '#', and with no '*' in its namespace.")]
    [InlineData("*", 103, "A pattern that begins with a star needs a connection token that grants it (\"subs\").")]
    [InlineData("**", 103, "A pattern that begins with a star needs a connection token that grants it (\"subs\").")]
    [InlineData("*.a", 103, "A pattern that begins with a star needs a connection token that grants it (\"subs\").")]
    [InlineData("shut:a.*", 103, "This pattern needs a connection token that grants it, or a wider one (\"subs\").")]
    [InlineData("nowhere:a.*", 102, "Unknown namespace 'nowhere': configure it under Notify:Namespaces, or use a channel without ':'.")]
    public async Task A_pattern_that_is_none_or_not_allowed_is_refused(string pattern, int code, string message)
    {
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        await client.Send(new { type = "subscribe", channel = pattern });

        var error = await client.Next("error");
        Assert.Equal((code, message), (error.Code, error.Json.GetProperty("message").GetString()));
    }

    [Fact]
    public async Task Patterns_count_among_the_connection_s_subscriptions()
    {
        await using var client = await _server.WebSocket.Subscribed("chat.*");
        Assert.Equal((1, 1), await _server.Http.Stats("chat.*"));
        var connection = (await _server.Http.Get("/api/connections")).Body.GetProperty("connections")[0];
        Assert.Equal("chat.*", connection.GetProperty("channels")[0].GetString());

        await client.Send(new { type = "subscribe", channel = "chat.*" });
        Assert.Equal(105, (await client.Next("error")).Code);
        await client.CloseAsync();

        await Until.Equal((0, 0), "connections and subscriptions", () => _server.Http.Stats("chat.*"));
    }
}
