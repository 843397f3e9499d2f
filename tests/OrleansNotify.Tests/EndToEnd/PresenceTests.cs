using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansNotify.Testing;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Presence as clients see it, on one server that asks for tokens.</summary>
public sealed class PresenceTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(new()
    {
        ["Notify:Tokens:Algorithms:0"] = "HS256",
        ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(Secret),
        ["Notify:Namespaces:room:Presence"] = "true",
        ["Notify:Namespaces:few:Presence"] = "true",
        ["Notify:Namespaces:few:PresenceList"] = "2",
        ["Notify:Namespaces:default:PresenceList"] = "1",
    });

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    [Fact]
    public async Task Who_asked_is_told_who_comes_and_goes_with_what_their_tokens_say_but_never_of_himself()
    {
        await using var watcher = await Connect("alice");
        await watcher.Send(new { type = "subscribe", channel = "room:a", presence = true, id = 1 });
        await watcher.Next("subscribed");
        await using var plain = await Connect("carol");
        await plain.Subscribe("room:a");
        Assert.Equal("""join {"connection":"X","user":"carol"}""", Told(await watcher.Next("join")));

        await using var bob = await Connect("bob", new JsonObject { ["name"] = "Bob", ["n"] = 1 });
        await bob.Subscribe("room:a");
        Assert.Equal("""join {"connection":"X","user":"bob","info":{"name":"Bob","n":1}}""", Told(await watcher.Next("join")));
        await bob.Unsubscribe("room:a");
        Assert.Equal("""leave {"connection":"X","user":"bob"}""", Told(await watcher.Next("leave")));
        await bob.Send(new { type = "subscribe", channel = "room:a", token = Hs256(Claims("bob", ("channel", "room:a"), ("info", 7))) });
        Assert.Equal("""join {"connection":"X","user":"bob","info":7}""", Told(await watcher.Next("join"))); // the channel's own info
        bob.Abort();
        Assert.Equal("""leave {"connection":"X","user":"bob"}""", Told(await watcher.Next("leave")));

        await plain.Ping();
        Assert.DoesNotContain(plain.Frames, frame => frame.Type is "join" or "leave");
        Assert.Equal(5, watcher.Frames.Count(frame => frame.Type is "join" or "leave"));
    }

    [Fact]
    public async Task Members_and_their_number_are_told_to_who_may_read_the_channel()
    {
        await using var alice = await Connect("alice");
        await using var again = await Connect("alice");
        await using var bob = await Connect("bob", 1);
        foreach (var client in new[] { alice, again, bob })
            await client.Subscribe("room:a");
        await Until.Equal(3, "members", async () => (await Presence("room%3Aa")).GetProperty("total").GetInt32());

        await alice.Send(new { type = "presence", channel = "room:a", id = "p" });
        var reply = (await alice.Next("presence")).Json;
        Assert.Equal(("p", "room:a", 3), (reply.GetProperty("id").GetString(), reply.GetProperty("channel").GetString(), reply.GetProperty("total").GetInt32()));
        Assert.Equal(["alice", "alice", "bob1"], reply.GetProperty("members").EnumerateArray().Select(User).Order());
        await alice.Send(new { type = "presence_stats", channel = "room:a", id = 2 });
        Assert.Equal("""{"type":"presence_stats","id":2,"channel":"room:a","connections":3,"users":2}""", (await alice.Next("presence_stats")).Text);

        var http = await Presence("room%3Aa");
        Assert.Equal(("room:a", 3, 2), (http.GetProperty("channel").GetString(), http.GetProperty("total").GetInt32(), http.GetProperty("users").GetInt32()));
        var (_, connections) = await _server.Http.Get("/api/connections");
        Assert.Equal(
            connections.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("id").GetString()).Order(),
            http.GetProperty("members").EnumerateArray().Select(m => m.GetProperty("connection").GetString()).Order());
    }

    [Fact]
    public async Task Beyond_as_many_members_as_the_namespace_lists_there_are_counts_only()
    {
        await using var alice = await Connect("alice");
        await alice.Send(new { type = "subscribe", channel = "few:a", presence = true });
        await alice.Next("subscribed");
        await using var bob = await Connect("bob");
        await bob.Subscribe("few:a");
        await alice.Next("join");
        Assert.Equal(2, (await Presence("few%3Aa")).GetProperty("members").GetArrayLength());

        await using var carol = await Connect("carol");
        await carol.Subscribe("few:a");
        await Until.Equal(3, "members", async () => (await Presence("few%3Aa")).GetProperty("total").GetInt32());
        Assert.False((await Presence("few%3Aa")).TryGetProperty("members", out _));
        await alice.Ping();
        Assert.Single(alice.Frames, frame => frame.Type is "join" or "leave");
        await bob.DisposeAsync();
        Assert.Equal("""join {"connection":"X","user":"carol"}""", Told(await alice.Next())); // what has changed meanwhile
    }

    [Fact]
    public async Task A_user_is_known_by_all_his_connections_however_few_his_namespace_lists()
    {
        await using var first = await Connect("dora");
        await using var second = await Connect("dora");
        await Until.Equal(2, "connections of the user", async () => (await _server.Http.Get("/api/users/dora")).Body.GetProperty("connections").GetArrayLength());
    }

    [Theory]
    [InlineData("""{"type":"presence","channel":"a"}""", 108)]
    [InlineData("""{"type":"presence_stats","channel":"a"}""", 108)]
    [InlineData("""{"type":"subscribe","channel":"a","presence":true}""", 108)]
    [InlineData("""{"type":"presence","channel":"@broadcast"}""", 108)]
    [InlineData("""{"type":"presence","channel":"nowhere:a"}""", 102)]
    [InlineData("""{"type":"presence","channel":"$secret"}""", 103)]
    [InlineData("""{"type":"presence_stats","channel":"room:x#bob"}""", 103)]
    [InlineData("""{"type":"presence","channel":"#bob"}""", 103)]
    public async Task What_is_not_there_or_not_allowed_is_refused(string command, int code)
    {
        await using var alice = await Connect("alice");
        await alice.Send(command);
        Assert.Equal(code, (await alice.Next("error")).Code);
        if (code == 108)
            Assert.Equal(404, (await _server.Http.Get("/api/channels/a/presence")).Status);
    }

    [Fact]
    public async Task Who_takes_over_from_what_was_given_unasked_neither_leaves_nor_joins()
    {
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Namespaces:default:Presence"] = "true", ["Notify:Development:AllowUserParameter"] = "true" });
        await using var first = await WsClient.ConnectAsync(server.WebSocket, user: "alice");
        await first.Send(new { type = "subscribe", channel = "#alice", presence = true });
        await first.Next("subscribed");
        await using var second = await WsClient.ConnectAsync(server.WebSocket, user: "alice");
        await first.Next("join");

        for (var i = 0; i < 3; i++)
        {
            await second.Subscribe("#alice");
            await second.Unsubscribe("#alice");
        }
        await second.DisposeAsync();

        await first.Next("leave");
        Assert.Equal(2, first.Frames.Count(frame => frame.Type is "join" or "leave"));
    }

    [Fact]
    public async Task A_thousand_who_come_at_once_are_all_there_and_all_told()
    {
        await using var watcher = await Connect("watcher");
        await watcher.Send(new { type = "subscribe", channel = "room:big", presence = true });
        await watcher.Next("subscribed");
        var clients = await Task.WhenAll(Enumerable.Range(0, 300).Select(i => Connect($"user{i}")));
        await Task.WhenAll(clients.Select(client => client.Subscribe("room:big")));

        for (var i = 0; i < 300; i++)
            await watcher.Next("join");
        Assert.Equal(301, (await Presence("room%3Abig")).GetProperty("members").GetArrayLength());
        await Task.WhenAll(clients.Select(client => client.DisposeAsync().AsTask()));
        for (var i = 0; i < 300; i++)
            await watcher.Next("leave");
        Assert.Equal(300, watcher.Frames.Where(f => f.Type == "join").Select(f => f.Text).Distinct().Count());
        Assert.Equal(1, (await Presence("room%3Abig")).GetProperty("total").GetInt32());
    }

    private async Task<JsonElement> Presence(string channel)
    {
        var (status, body) = await _server.Http.Get($"/api/channels/{channel}/presence");
        Assert.Equal(200, status);
        return body;
    }

    private static string User(JsonElement member) =>
        member.GetProperty("user").GetString() + (member.TryGetProperty("info", out var info) ? info.GetRawText() : "");

    // The connection's id is the server's choice.
    private static string Told(WsFrame frame)
    {
        var member = frame.Json.GetProperty("member").GetRawText();
        var id = frame.Json.GetProperty("member").GetProperty("connection").GetString()!;
        return $"{frame.Type} {member.Replace(id, "X", StringComparison.Ordinal)}";
    }

    private Task<WsClient> Connect(string user, JsonNode? info = null) =>
        WsClient.ConnectAsync(_server.WebSocket, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {Hs256(Claims(user, ("info", info)))}" }, timeout: TimeSpan.FromSeconds(60));

    private static string Claims(string user, params (string Name, JsonNode? Value)[] more)
    {
        var claims = new JsonObject { ["sub"] = user, ["exp"] = TimeProvider.System.GetUtcNow().AddHours(1).ToUnixTimeSeconds() };
        foreach (var (name, value) in more)
        {
            if (value is not null)
                claims[name] = value;
        }
        return claims.ToJsonString();
    }
}
