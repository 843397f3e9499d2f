using System.Text;
using System.Text.Json.Nodes;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>Every command × every kind of token that is not good, with the answer in each cell. A command that stands in no row fails.</summary>
public sealed class CommandMatrixTests(CommandMatrixTests.TokenServer tokens) : IClassFixture<CommandMatrixTests.TokenServer>
{
    // By the name of its record in Protocol: a message of it · the answer to who has not said who he is · to alice on her channel · on a foreign one, or with bob's token.
    private static readonly Dictionary<string, (string Message, string ToNobody, string Own, string Foreign)> Commands = new()
    {
        [nameof(SubscribeCommand)] = ("""{"type":"subscribe","channel":"CHANNEL","id":1}""", "error 101", "subscribed", "error 103"),
        [nameof(UnsubscribeCommand)] = ("""{"type":"unsubscribe","channel":"CHANNEL","id":1}""", "error 101", "error 108", "error 108"),
        [nameof(PublishCommand)] = ("""{"type":"publish","channel":"CHANNEL","data":1,"id":1}""", "error 101", "published", "error 103"),
        [nameof(HistoryCommand)] = ("""{"type":"history","channel":"CHANNEL","id":1}""", "error 101", "history", "error 103"),
        [nameof(PresenceCommand)] = ("""{"type":"presence","channel":"CHANNEL","id":1}""", "error 101", "presence", "error 103"),
        [nameof(PresenceStatsCommand)] = ("""{"type":"presence_stats","channel":"CHANNEL","id":1}""", "error 101", "presence_stats", "error 103"),
        [nameof(RefreshCommand)] = ("""{"type":"refresh","token":"TOKEN","id":1}""", "error 101", "refreshed", "error 101"),
        [nameof(AuthCommand)] = ("""{"type":"auth","token":"TOKEN","id":1}""", "authenticated", "error 107", "error 107"),
        [nameof(PingCommand)] = ("""{"type":"ping","id":1}""", "pong", "pong", "pong"),
    };

    private const string NeedsToken = "A private channel needs a subscription token: send it with subscribe as \"token\".";

    // Not alice's: what exists, with history, a member, and an epoch that is known; and what does not.
    private static readonly (string Used, string Unused)[] Foreign = [("$used", "$unused"), ("x#bob", "y#bob"), ("talk:x#bob", "talk:y#bob"), ("shut:used", "shut:unused")];

    // The ways by which a token comes with a handshake.
    private static readonly string[] Ways = ["header", "parameter", "subprotocol"];

    public static TheoryData<string, string> Cells
    {
        get
        {
            var cells = new TheoryData<string, string>();
            foreach (var command in Commands.Keys)
            {
                foreach (var token in BadTokens.Names)
                    cells.Add(command, token);
            }
            return cells;
        }
    }

    public static TheoryData<string, string> Handshakes
    {
        get
        {
            var cells = new TheoryData<string, string>();
            foreach (var token in BadTokens.Names)
            {
                foreach (var way in Ways)
                    cells.Add(token, way);
            }
            return cells;
        }
    }

    public static TheoryData<string> Tokens => [.. BadTokens.Names];

    public static TheoryData<string> AllCommands => [.. Commands.Keys];

    [Fact]
    public void Every_command_stands_in_a_row()
    {
        Assert.Equal(
            typeof(ClientCommand).Assembly.GetTypes().Where(type => type.BaseType == typeof(ClientCommand)).Select(type => type.Name).Order(StringComparer.Ordinal),
            Commands.Keys.Order(StringComparer.Ordinal));
        foreach (var (name, row) in Commands)
        {
            Assert.True(JsonCommandReader.TryRead(Encoding.UTF8.GetBytes(Message(name, "news", BadTokens.Good())), 300, out var command, out _), row.Message);
            Assert.Equal(name, command.GetType().Name);
        }
    }

    [Theory, MemberData(nameof(AllCommands))]
    public async Task Each_command_gets_its_answer_from_nobody_from_alice_and_where_alice_may_not(string command)
    {
        var row = Commands[command];
        await using (var nobody = await WsClient.ConnectAsync(tokens.Server.WebSocket))
            Assert.Equal(row.ToNobody, await Answer(nobody, command, "talk:own", BadTokens.Good()));
        await using (var alice = await Connect())
            Assert.Equal(row.Own, await Answer(alice, command, "talk:own", BadTokens.Good()));
        foreach (var channel in new[] { "$orders", "talk:x#bob", "shut:room" })
        {
            await using var alice = await Connect();
            Assert.Equal((channel, row.Foreign), (channel, await Answer(alice, command, channel, BadTokens.Good(("sub", "bob")))));
        }
    }

    [Theory, MemberData(nameof(Handshakes))]
    public async Task A_handshake_with_it_is_refused_in_its_words_by_whatever_way_it_comes(string token, string way)
    {
        var bad = BadTokens.Of(token);
        var shown = bad.Make([]);
        await using var socket = await Connection();
        await using var stream = await Connection();
        var (shaken, refused) = (await Show(socket, "/ws", way, shown), way == "subprotocol" ? null : await Show(stream, "/sse?channel=news", way, shown));
        if (token == "too long" && way == "parameter")
        {
            Assert.Equal((414, 414), (shaken.Status, refused!.Status)); // longer than the first line of any request may be
            return;
        }
        Assert.Equal(101, shaken.Status);
        Assert.Equal((bad.Close, Reason(bad.Says)), await End(socket));
        if (refused is not null) // no browser's EventSource offers a subprotocol
            Assert.Equal((401, bad.Says, "Bearer"), (refused.Status, Detail(refused), refused.Headers["WWW-Authenticate"].Single()));
    }

    [Theory]
    [InlineData("header")]
    [InlineData("parameter")]
    [InlineData("subprotocol")]
    public async Task A_subscription_token_opens_no_connection_and_another_user_s_opens_his(string way)
    {
        const string Says = "The token's claim \"channel\" must not be there; it is a subscription token: give it with the subscribe command.";
        await using var socket = await Connection();
        Assert.Equal(101, (await Show(socket, "/ws", way, BadTokens.Good(("channel", "news")))).Status);
        Assert.Equal((3500, Says), await End(socket));

        await using var his = await Connection();
        Assert.Equal(101, (await Show(his, "/ws", way, BadTokens.Good(("sub", "bob")))).Status);
        foreach (var (channel, answer) in new[] { ("talk:x#bob", "history"), ("talk:x#alice", "error 103") })
        {
            await his.SendText($$"""{"type":"history","channel":"{{channel}}"}""");
            Assert.Equal(answer, Answer((await his.ReadFrame())!.Text));
        }

        if (way == "subprotocol")
            return;
        await using var stream = await Connection();
        var refused = await Show(stream, "/sse?channel=news", way, BadTokens.Good(("channel", "news")));
        Assert.Equal((401, Says), (refused.Status, Detail(refused)));
        foreach (var (channel, says) in new[]
        {
            ("$orders", NeedsToken), ("talk:x%23bob", "This channel is only for the users named behind '#'."),
            ("shut:room", "This channel needs a token that grants it: a subscription token, or a connection token that names it."),
        })
        {
            await using var next = await Connection();
            refused = await Show(next, $"/sse?channel={channel}", way, BadTokens.Good());
            Assert.Equal((403, says), (refused.Status, Detail(refused)));
        }
    }

    [Fact]
    public async Task A_stream_without_a_token_is_told_to_bring_one()
    {
        var (status, problem) = await tokens.Server.Http.Get("/sse?channel=news");
        Assert.Equal((401, "Connect with a token: as \"Authorization: Bearer <token>\", or ?access_token=<token>."), (status, problem.GetProperty("detail").GetString()));
    }

    // A good token changes nothing: a browser sends along whatever the user has.
    [Theory]
    [InlineData("https://app.example.com", true)]
    [InlineData("https://app.example.com:8443", false)]
    [InlineData("http://app.example.com", false)]
    [InlineData("https://app.example.com.evil.example", false)]
    [InlineData("https://evil.example", false)]
    [InlineData("null", false)]
    public async Task A_page_of_another_origin_opens_nothing_with_whatever_token_unless_it_is_allowed(string origin, bool allowed)
    {
        foreach (var (way, token) in from way in Ways from token in new[] { BadTokens.Good(), "garbage" } select (way, token))
        {
            await using var raw = await Connection();
            var answer = await Show(raw, "/ws", way, token, ("Origin", origin));
            Assert.Equal((allowed ? 101 : 403, allowed ? origin : null), (answer.Status, answer.Headers["Access-Control-Allow-Origin"].SingleOrDefault()));
        }
        await using var stream = await Connection();
        var refused = await Show(stream, "/sse?channel=$orders", "header", BadTokens.Good(), ("Origin", origin));
        Assert.Equal(
            (403, allowed ? origin : null, allowed ? NeedsToken : "Requests from web pages of another origin are refused; to allow one, add its origin to Notify:Security:AllowedOrigins."),
            (refused.Status, refused.Headers["Access-Control-Allow-Origin"].SingleOrDefault(), Detail(refused)));
    }

    [Theory, MemberData(nameof(Cells))]
    public async Task Behind_a_handshake_with_it_no_command_is_answered(string command, string token)
    {
        await using var raw = await RawSocket.OpenAsync(tokens.Server.WebSocket.Port, "/ws", ("Authorization", $"Bearer {BadTokens.Of(token).Make([])}"));
        await raw.SendText(Message(command, "news", BadTokens.Good()));

        List<RawFrame> frames = [];
        while (await raw.ReadFrame() is { } frame)
        {
            frames.Add(frame);
            if (frame.Opcode == 8)
                break;
        }
        // The command may have come before the token was verified: then it is the answer that it gets without any.
        Assert.Equal(BadTokens.Of(token).Close, frames[^1].CloseCode);
        Assert.All(frames[..^1], frame => Assert.Equal(Commands[command].ToNobody, Answer(frame.Text)));
        Assert.DoesNotContain("canary", frames[^1].Text, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Cells))]
    public async Task Behind_an_auth_with_it_a_command_gets_what_it_gets_without(string command, string token)
    {
        await using var client = await WsClient.ConnectAsync(tokens.Server.WebSocket);
        await client.Send(new { type = "auth", token = BadTokens.Of(token).Make([]), id = 0 });
        var refused = await client.Next("error");
        Assert.Equal((0, BadTokens.Of(token).Error, BadTokens.Of(token).Says), (refused.Json.GetProperty("id").GetInt32(), refused.Code, refused.Json.GetProperty("message").GetString()));
        Assert.DoesNotContain("canary", refused.Text, StringComparison.Ordinal);

        Assert.Equal(Commands[command].ToNobody, await Answer(client, command, "news", BadTokens.Good()));
    }

    [Theory, MemberData(nameof(Tokens))]
    public async Task A_refresh_and_a_subscribe_with_it_change_nothing(string token)
    {
        await using var client = await Connect();
        await client.Subscribe("news");
        await client.Send(new { type = "refresh", token = BadTokens.Of(token).Make([]) });
        Assert.Equal(BadTokens.Of(token).Error, (await client.Next("error")).Code);
        await client.Send(new { type = "subscribe", channel = "$orders", token = BadTokens.Of(token).Make([("channel", "$orders")]), history = 5 });
        var refused = await client.Next("error");
        Assert.Equal(("$orders", BadTokens.Of(token).Error), (refused.Channel, refused.Code));

        await client.Ping();
        Assert.DoesNotContain(client.Frames, frame => frame.Type is "refreshed" or "unsubscribed" or "event" || frame.Channel == "$orders" && frame.Type == "subscribed");
    }

    [Theory]
    [InlineData("another user's", "$orders", "bob", 101)]
    [InlineData("another channel's", "$other", "alice", 101)]
    [InlineData("a connection token", null, "alice", 101)]
    public async Task A_subscription_token_is_for_one_user_and_one_channel(string which, string? channel, string user, int code)
    {
        await using var client = await Connect();
        await client.Send(new { type = "subscribe", channel = "$orders", token = BadTokens.Good([("channel", channel), ("sub", user)]) });
        Assert.True((await client.Next("error")).Code == code, which);
    }

    [Fact]
    public async Task Whether_a_foreign_channel_exists_makes_no_difference_to_any_answer()
    {
        await using var client = await Connect();
        await using var bob = await Connect(BadTokens.Good(("sub", "bob"), ("subs", new JsonObject { ["$used"] = new JsonObject(), ["shut:used"] = new JsonObject() })));
        foreach (var (used, unused) in Foreign)
        {
            await tokens.Server.Http.PublishMany(used, 1, 3);
            var epoch = (await bob.Subscribe(used)).Epoch;
            var position = $$"""{"epoch":"{{epoch}}","offset":2}""";
            foreach (var command in new[] { "subscribe", "history", "presence", "presence_stats", "publish", "unsubscribe" })
                await Same(used, unused, $$"""{"type":"{{command}}","channel":"CHANNEL","recover":{{position}},"since":{{position}},"presence":true,"data":1,"id":1}""");
            foreach (var pattern in new[] { "talk:**", "**", "shut:*" })
                await Same(used, unused, $$"""{"type":"subscribe","channel":"{{pattern}}","recover":[{"channel":"CHANNEL","epoch":"{{epoch}}","offset":2}],"id":1}""");
            Assert.Equal(await Stream(used, epoch!), await Stream(unused, epoch!));
        }

        // Nor does a pattern of his bring any of them.
        await client.Subscribe("talk:**");
        foreach (var (used, _) in Foreign)
            await tokens.Server.Http.PublishMany(used, 4, 4);
        await tokens.Server.Http.PublishMany("talk:end", 5, 5);
        Assert.Equal([5], (await client.TakeEvents(1)).Numbers());

        async Task Same(string used, string unused, string command)
        {
            var told = new List<string>();
            foreach (var channel in new[] { used, unused })
            {
                await client.Send(command.Replace("CHANNEL", channel, StringComparison.Ordinal));
                told.Add((await client.Next("error")).Text.Replace(channel, "", StringComparison.Ordinal));
            }
            Assert.Equal(told[0], told[1]);
        }

        async Task<(int, string)> Stream(string channel, string epoch)
        {
            await using var raw = await Connection();
            var answer = await Show(raw, $"/sse?channel={Uri.EscapeDataString(channel)}&since={epoch}:2", "header", BadTokens.Good());
            Assert.Equal(403, answer.Status);
            return (answer.Status, answer.Body.Replace(channel, "", StringComparison.Ordinal));
        }
    }

    private static string Message(string command, string channel, string token) =>
        Commands[command].Message.Replace("CHANNEL", channel, StringComparison.Ordinal).Replace("TOKEN", token, StringComparison.Ordinal);

    private static async Task<string> Answer(WsClient client, string command, string channel, string token)
    {
        await client.Send(Message(command, channel, token));
        return Answer((await client.Next()).Text);
    }

    private static string? Detail(RawResponse response) => (string?)JsonNode.Parse(response.Body)!["detail"];

    // As much of a sentence as a close frame holds (RFC 6455 5.5).
    private static string Reason(string says) => says[..Math.Min(says.Length, 123)];

    private static async Task<(int Code, string Reason)> End(RawSocket raw)
    {
        var last = await raw.ReadFrame();
        Assert.Equal(8, last!.Opcode);
        return (last.CloseCode, Encoding.UTF8.GetString(last.Payload.AsSpan(2)));
    }

    private static string Answer(string text)
    {
        var json = JsonNode.Parse(text)!;
        return json["code"] is { } code ? $"{json["type"]} {code}" : $"{json["type"]}";
    }

    private Task<WsClient> Connect(string? token = null) =>
        WsClient.ConnectAsync(tokens.Server.WebSocket, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {token ?? BadTokens.Good()}" });

    // Asks for /ws or /sse with a token.
    private static Task<RawResponse> Show(RawSocket raw, string path, string way, string token, params (string Name, string Value)[] headers) => raw.Handshake(
        way == "parameter" ? $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}access_token={token}" : path,
        way switch
        {
            "header" => [.. headers, ("Authorization", $"Bearer {token}")],
            "subprotocol" => [.. headers, ("Sec-WebSocket-Protocol", $"notify.json, notify.token.{token}")],
            _ => headers,
        });

    private Task<RawSocket> Connection() => RawSocket.ConnectAsync(tokens.Server.WebSocket.Port);

    /// <summary>A server that takes HS256 and RS256, has revoked a token, and trusts one origin.</summary>
    public sealed class TokenServer : IAsyncLifetime, IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public RunningServer Server { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Server = await RunningServer.StartAsync(new(BadTokens.Settings(_folder["keys.json"]))
            {
                ["Notify:Limits:ConnectionsPerUser"] = "1000",
                ["Notify:Namespaces:talk:ClientPublish"] = "true",
                ["Notify:Namespaces:talk:Presence"] = "true",
                ["Notify:Namespaces:shut:ClientSubscribe"] = "false",
                ["Notify:Namespaces:shut:ClientPublish"] = "true",
                ["Notify:Namespaces:shut:Presence"] = "true",
                ["Notify:Security:AllowedOrigins:0"] = "https://app.example.com",
            });
            Assert.Equal(200, (await Server.Http.Post("/api/tokens/revoked/revoke", "")).Status);
        }

        public async Task DisposeAsync() => await Server.DisposeAsync();

        public void Dispose() => _folder.Dispose();
    }
}
