using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.Grains.Revocations;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>Connections of a server that asks for tokens: who gets in, what he gets, and when it ends.</summary>
public sealed class ConnectionTokenTests : IAsyncLifetime
{
    private static readonly Dictionary<string, string?> Settings = new()
    {
        ["Notify:Tokens:Algorithms:0"] = "HS256",
        ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(Secret),
        ["Notify:Tokens:Issuer"] = "https://issuer.example",
        ["Notify:Tokens:Audience"] = "notify",
        ["Notify:Tokens:ClockSkew"] = "00:00:00",
        ["Notify:Namespaces:strict:ClientSubscribe"] = "false",
        ["Notify:Namespaces:strict:ClientPublish"] = "true",
    };

    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(Settings);

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    // What else ends a connection: CommandMatrixTests.
    [Theory]
    [InlineData("nowhere:x")]
    [InlineData("#bob")]
    public async Task A_token_for_a_channel_that_cannot_be_given_ends_the_connection(string channel)
    {
        await using var raw = await Open("header", Alice(("channels", new JsonArray(channel))));
        var last = await raw.ReadFrame();
        Assert.Equal((8, 3500), (last!.Opcode, last.CloseCode));
    }

    [Theory]
    [InlineData("header")]
    [InlineData("parameter")]
    [InlineData("subprotocol")]
    public async Task A_good_token_says_who_it_is_and_brings_his_channel(string way)
    {
        await using var raw = await Open(way, Alice());
        await raw.SendText("""{"type":"ping"}""");
        Assert.Contains("pong", (await raw.ReadFrame())!.Text, StringComparison.Ordinal); // he is on his channels
        await _server.Http.Post("/api/events", """{"type":"user","user":"alice","data":{"n":1}}""");
        Assert.Contains("\"channel\":\"#alice\"", (await raw.ReadFrame())!.Text, StringComparison.Ordinal);
        var (_, connections) = await _server.Http.Get("/api/connections");
        Assert.Equal("alice", connections.GetProperty("connections")[0].GetProperty("user").GetString());
    }

    [Fact]
    public async Task Who_has_not_said_who_he_is_gets_nothing()
    {
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        foreach (var command in new[] { "subscribe", "unsubscribe", "history" })
        {
            await client.Send(new { type = command, channel = "news", id = command });
            var refused = await client.Next("error");
            Assert.Equal((101, command, "news"), (refused.Code, refused.Json.GetProperty("id").GetString(), refused.Channel));
        }
        await client.Send(new { type = "publish", channel = "strict:x", data = 1 });
        Assert.Equal(101, (await client.Next("error")).Code);
        await client.Send(new { type = "refresh", token = Alice() });
        Assert.Equal(101, (await client.Next("error")).Code);
        await using var known = await Connect(_server, Alice(("sub", "bob")));
        await _server.Http.Post("/api/events", """{"type":"broadcast","data":{"n":1}}""");
        Assert.Equal([1], (await known.TakeEvents(1)).Numbers());
        await client.Ping();

        var expires = In(3600);
        await client.Send(new { type = "auth", token = Alice(("exp", expires)) });
        var authenticated = (await client.Next("authenticated")).Json;
        Assert.Equal(("alice", expires), (authenticated.GetProperty("user").GetString(), authenticated.GetProperty("expires").GetInt64()));
        await client.Ping(); // it is on its channels
        await _server.Http.Post("/api/events", """{"type":"broadcast","data":{"n":2}}""");
        await _server.Http.Post("/api/events", """{"type":"user","user":"alice","data":{"n":3}}""");
        Assert.Equal([2, 3], (await client.TakeEvents(2)).Numbers().Order());
        await client.Send(new { type = "auth", token = Alice() });
        Assert.Equal(107, (await client.Next("error")).Code);
    }

    [Fact]
    public async Task Who_does_not_say_who_he_is_in_time_is_closed_with_3502()
    {
        await using var server = await RunningServer.StartAsync(new(Settings) { ["Notify:Limits:HandshakeTimeout"] = "00:00:01" });
        await using var silent = await WsClient.ConnectAsync(server.WebSocket);
        await using var known = await Connect(server, Alice());
        Assert.Equal(3502, (await silent.Closed()).Code);
        await known.Ping();
    }

    [Fact]
    public async Task A_server_is_not_ready_before_it_has_read_which_tokens_are_revoked()
    {
        var reads = 0;
        await using var server = await RunningServer.StartAsync(new(Settings), services => services.AddSingleton<IIncomingGrainCallFilter>(new CallFilter(call =>
            call.InterfaceMethod.DeclaringType == typeof(IRevocationsGrain) && Interlocked.Increment(ref reads) == 1
                ? Task.FromException(new InvalidOperationException("not now"))
                : call.Invoke())));

        await using var client = await Connect(server, Alice());
    }

    [Fact]
    public async Task An_expired_token_ends_the_connection_and_a_newer_one_keeps_it()
    {
        await using var ends = await Connect(_server, Alice(("exp", In(2))));
        await using var stays = await Connect(_server, Alice(("exp", In(2))));
        var later = In(3600);
        await stays.Send(new { type = "refresh", token = Alice(("exp", later)), id = "r" });
        var refreshed = (await stays.Next("refreshed")).Json;
        Assert.Equal(("r", later), (refreshed.GetProperty("id").GetString(), refreshed.GetProperty("expires").GetInt64()));

        Assert.Equal(3005, (await ends.Closed()).Code);

        await stays.Ping();
    }

    [Fact]
    public async Task A_token_of_another_user_renews_nothing()
    {
        await using var client = await Connect(_server, Alice());
        foreach (var (token, code) in new[] { (Alice(("sub", "bob")), 101), (Alice(("exp", In(-1))), 109), ("garbage", 101), (Alice(("channel", "news")), 101) })
        {
            await client.Send(new { type = "refresh", token });
            Assert.Equal(code, (await client.Next("error")).Code);
        }
        await client.Send(new { type = "subscribe", channel = "x#bob" });
        Assert.Equal(103, (await client.Next("error")).Code);
    }

    [Fact]
    public async Task What_a_newer_token_no_longer_allows_ends_and_what_it_gives_begins()
    {
        await using var client = await Connect(_server, Alice(("subs", new JsonObject { ["$orders"] = new JsonObject(), ["strict:*"] = new JsonObject() })));
        foreach (var channel in new[] { "$orders", "strict:a", "news" })
            await client.Subscribe(channel);

        await client.Send(new { type = "refresh", token = Alice(("subs", new JsonObject { ["strict:*"] = new JsonObject() }), ("channels", new JsonArray("given"))) });
        await client.Next("refreshed");
        var dropped = await client.Next("unsubscribed");
        Assert.Equal(("$orders", 103), (dropped.Channel, dropped.Code));
        await client.Ping(); // the refresh is answered before the connection is on what the token gives, the next command is not
        Assert.Equal((1, 1), await _server.Http.Stats("given"));
        Assert.Equal((1, 0), await _server.Http.Stats("$orders"));

        foreach (var (channel, n) in new[] { ("$orders", 1), ("strict:a", 2), ("news", 3), ("given", 4) })
            await _server.Http.Publish(channel, $$"""{"n":{{n}}}""");
        Assert.Equal([2, 3, 4], (await client.TakeEvents(3)).Numbers().Order());
    }

    [Fact]
    public async Task Channels_of_the_token_come_without_asking_once()
    {
        await using var client = await Connect(_server, Alice(("channels", new JsonArray("given", "strict:b", "$private", "#alice", "@broadcast"))));
        await client.Ping(); // the handshake is answered before it has all of them, a command is not
        await _server.Http.Publish("given", """{"n":1}""");
        await _server.Http.Publish("strict:b", """{"n":2}""");
        await _server.Http.Publish("$private", """{"n":3}""");
        await _server.Http.Post("/api/events", """{"type":"user","user":"alice","data":{"n":4}}""");
        await _server.Http.Post("/api/events", """{"type":"broadcast","data":{"n":5}}""");
        Assert.Equal([1, 2, 3, 4, 5], (await client.TakeEvents(5)).Numbers().Order());
        await client.Send(new { type = "subscribe", channel = "given" });
        Assert.Equal(105, (await client.Next("error")).Code);
        await client.Unsubscribe("given");
        await _server.Http.Publish("given", """{"n":6}""");
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task A_private_channel_needs_a_token_for_this_user_and_this_channel()
    {
        await using var client = await Connect(_server, Alice());
        await _server.Http.Publish("$orders", """{"n":1}""");
        foreach (var (token, code) in new[]
        {
            (null, 103), ("garbage", 101), (Alice(), 101), (Alice(("channel", "$other")), 101), (Alice(("channel", "$orders"), ("sub", "bob")), 101),
            (Alice(("channel", "$orders"), ("exp", In(-1))), 109), (Alice(("channel", "$orders"), ("aud", "others")), 101),
        })
        {
            await client.Send(new { type = "subscribe", channel = "$orders", token, history = 10 });
            var refused = await client.Next("error");
            Assert.Equal((code, "$orders"), (refused.Code, refused.Channel));
        }
        await client.Send(new { type = "history", channel = "$orders" });
        Assert.Equal(103, (await client.Next("error")).Code);

        await client.Send(new { type = "subscribe", channel = "$orders", token = Alice(("channel", "$orders")), history = 10 });
        await client.Next("subscribed");
        await _server.Http.Publish("$orders", """{"n":2}""");
        Assert.Equal([1, 2], (await client.TakeEvents(2)).Numbers());
        await client.Send(new { type = "history", channel = "$orders" });
        Assert.Equal(2, (await client.Next("history")).Json.GetProperty("publications").GetArrayLength());
    }

    [Fact]
    public async Task A_subscription_ends_with_its_token_and_the_connection_stays()
    {
        await using var client = await Connect(_server, Alice());
        await client.Send(new { type = "subscribe", channel = "$orders", token = Alice(("channel", "$orders"), ("exp", In(2))) });
        await client.Next("subscribed");
        await client.Subscribe("news");

        var dropped = await client.Next("unsubscribed");

        Assert.Equal(("$orders", 109), (dropped.Channel, dropped.Code));
        await _server.Http.Publish("$orders", """{"n":1}""");
        await _server.Http.Publish("news", """{"n":2}""");
        Assert.Equal([2], (await client.TakeEvents(1)).Numbers());
        await client.Send(new { type = "subscribe", channel = "$orders" });
        Assert.Equal(103, (await client.Next("error")).Code);
    }

    [Fact]
    public async Task A_namespace_can_ask_for_a_grant_of_everybody()
    {
        await using var client = await Connect(_server, Alice());
        await client.Send(new { type = "subscribe", channel = "strict:a" });
        Assert.Equal(103, (await client.Next("error")).Code);
        await client.Send(new { type = "publish", channel = "strict:a", data = 1 });
        Assert.Equal(103, (await client.Next("error")).Code);
        await client.Send(new { type = "subscribe", channel = "strict:a", token = Alice(("channel", "strict:a")) });
        await client.Next("subscribed");
        await client.Send(new { type = "publish", channel = "strict:a", data = new { n = 1 } });
        await client.Next("published");
        Assert.Equal([1], (await client.TakeEvents(1)).Numbers());
    }

    [Fact]
    public async Task Where_no_tokens_are_asked_for_the_commands_say_so()
    {
        await using var open = await RunningServer.StartAsync();
        await using var client = await WsClient.ConnectAsync(open.WebSocket);
        foreach (var command in new object[] { new { type = "auth", token = "t" }, new { type = "refresh", token = "t" }, new { type = "subscribe", channel = "$a", token = "t" } })
        {
            await client.Send(command);
            Assert.Equal(108, (await client.Next("error")).Code);
        }
    }

    [Fact]
    public async Task Nobody_names_himself_beside_his_token()
    {
        var (status, problem) = (0, "");
        await using var raw = await RawSocket.ConnectAsync(_server.WebSocket.Port);
        var response = await raw.Handshake("/ws?user=bob");
        (status, problem) = (response.Status, response.Body);
        Assert.Equal(400, status);
        Assert.Contains("leave the parameter 'user' out", problem, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_in_an_address_stands_in_no_line_of_the_log()
    {
        await using var server = await ServerProcess.StartAsync(arguments: [.. Settings.SelectMany(setting => new[] { $"--{setting.Key}", setting.Value! }), "--Logging:LogLevel:Default=Trace"]);
        var tokens = new[] { Alice(), Alice(("exp", In(-1))) };
        foreach (var token in tokens)
        {
            await using var raw = await RawSocket.OpenAsync(server.Port, $"/ws?access_token={token}");
            await raw.SendText("""{"type":"subscribe","channel":"seen"}""");
            await raw.ReadFrame();
        }
        await server.StopAsync(ChildProcess.SigTerm);

        var log = string.Join('\n', server.Output);
        Assert.All(tokens, token => Assert.All(token.Split('.')[1..], part => Assert.DoesNotContain(part, log, StringComparison.Ordinal)));
        Assert.Contains("/ws", log, StringComparison.Ordinal); // it does log requests
    }

    private static string Alice(params (string Name, JsonNode? Value)[] changes) => Hs256(Now(changes));

    private static string Now(params (string Name, JsonNode? Value)[] changes) => Claims([("exp", In(3600)), .. changes]);

    private static long In(int seconds) => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + seconds;

    // The token is verified behind the handshake: an answer shows that its owner is on his channels.
    private static async Task<WsClient> Connect(RunningServer server, string token)
    {
        var client = await WsClient.ConnectAsync(server.WebSocket, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {token}" });
        await client.Ping();
        return client;
    }

    private Task<RawSocket> Open(string way, string token) => way switch
    {
        "header" => RawSocket.OpenAsync(_server.WebSocket.Port, "/ws", ("Authorization", $"Bearer {token}")),
        "parameter" => RawSocket.OpenAsync(_server.WebSocket.Port, $"/ws?access_token={token}"),
        _ => RawSocket.OpenAsync(_server.WebSocket.Port, "/ws", ("Sec-WebSocket-Protocol", $"notify.json, notify.token.{token}")),
    };
}
