using System.Text;
using System.Text.Json.Nodes;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using OrleansNotify.Tests.Sqlite;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>Every command × every kind of token that is not good, with the answer in each cell. A command that stands in no row fails.</summary>
public sealed class CommandMatrixTests(CommandMatrixTests.TokenServer tokens) : IClassFixture<CommandMatrixTests.TokenServer>
{
    // By the name of its record in Protocol: a message of it.
    private static readonly Dictionary<string, string> Commands = new()
    {
        [nameof(SubscribeCommand)] = """{"type":"subscribe","channel":"news","id":1}""",
        [nameof(UnsubscribeCommand)] = """{"type":"unsubscribe","channel":"news","id":1}""",
        [nameof(PublishCommand)] = """{"type":"publish","channel":"talk:a","data":1,"id":1}""",
        [nameof(HistoryCommand)] = """{"type":"history","channel":"news","id":1}""",
        [nameof(PresenceCommand)] = """{"type":"presence","channel":"talk:a","id":1}""",
        [nameof(PresenceStatsCommand)] = """{"type":"presence_stats","channel":"talk:a","id":1}""",
        [nameof(RefreshCommand)] = $$"""{"type":"refresh","token":"{{Good()}}","id":1}""",
        [nameof(AuthCommand)] = $$"""{"type":"auth","token":"{{Good()}}","id":1}""",
        [nameof(PingCommand)] = """{"type":"ping","id":1}""",
    };

    // Its claims but for what is added, how it ends a handshake, and the error it is in a frame.
    private static readonly Dictionary<string, (Func<(string, JsonNode?)[], string> Of, int Close, int Error)> Bad = new()
    {
        ["garbage"] = (_ => "canary.canary.canary", 3500, 101),
        ["expired"] = (more => Good([("exp", In(-60)), .. more]), 3005, 109),
        ["not yet valid"] = (more => Good([("nbf", In(60)), .. more]), 3500, 101),
        ["wrong audience"] = (more => Good([("aud", "others"), .. more]), 3500, 101),
        ["wrong issuer"] = (more => Good([("iss", "https://others.example"), .. more]), 3500, 101),
        ["none"] = (more => Token("""{"alg":"none"}""", Now(more), _ => []), 3500, 101),
        ["HS256 with the RSA public key"] = (more => Hs256(Now(more), Encoding.UTF8.GetBytes(Rsa.ExportSubjectPublicKeyInfoPem())), 3500, 101),
        ["another secret"] = (more => Hs256(Now(more), new byte[32]), 3500, 101),
        ["another RSA key"] = (more => Rs256(Now(more), OtherRsa), 3500, 101),
        ["unknown kid"] = (more => Rs256(Now(more), OtherRsa, kid: "nobody"), 3500, 101),
        ["an algorithm that is not listed"] = (more => Es256(Now(more)), 3500, 101),
        ["no end"] = (more => Good([("exp", null), .. more]), 3500, 101),
        ["no user"] = (more => Good([("sub", null), .. more]), 3500, 101),
        ["too long"] = (more => Good([("meta", new string('x', 9_000)), .. more]), 3500, 101),
        ["revoked"] = (more => Good([("jti", "revoked"), .. more]), 3500, 101),
    };

    public static TheoryData<string, string> Cells
    {
        get
        {
            var cells = new TheoryData<string, string>();
            foreach (var command in Commands.Keys)
            {
                foreach (var token in Bad.Keys)
                    cells.Add(command, token);
            }
            return cells;
        }
    }

    public static TheoryData<string> BadTokens => [.. Bad.Keys];

    [Fact]
    public void Every_command_stands_in_a_row() => Assert.Equal(
        typeof(ClientCommand).Assembly.GetTypes().Where(type => type.BaseType == typeof(ClientCommand)).Select(type => type.Name).Order(StringComparer.Ordinal),
        Commands.Keys.Order(StringComparer.Ordinal));

    [Theory, MemberData(nameof(Cells))]
    public async Task Behind_a_handshake_with_it_no_command_is_answered(string command, string token)
    {
        await using var raw = await RawSocket.OpenAsync(tokens.Server.WebSocket.Port, "/ws", ("Authorization", $"Bearer {Bad[token].Of([])}"));
        await raw.SendText(Commands[command]);

        List<RawFrame> frames = [];
        while (await raw.ReadFrame() is { } frame)
        {
            frames.Add(frame);
            if (frame.Opcode == 8)
                break;
        }
        // The command may have come before the token was verified: then it is the answer that it gets without any.
        Assert.Equal(Bad[token].Close, frames[^1].CloseCode);
        Assert.All(frames[..^1], frame => Assert.Equal(WithoutToken(command), Answer(frame.Text)));
        Assert.DoesNotContain("canary", frames[^1].Text, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Cells))]
    public async Task Behind_an_auth_with_it_a_command_gets_what_it_gets_without(string command, string token)
    {
        await using var client = await WsClient.ConnectAsync(tokens.Server.WebSocket);
        await client.Send(new { type = "auth", token = Bad[token].Of([]), id = 0 });
        var refused = await client.Next("error");
        Assert.Equal((0, Bad[token].Error), (refused.Json.GetProperty("id").GetInt32(), refused.Code));
        Assert.DoesNotContain("canary", refused.Text, StringComparison.Ordinal);

        await client.Send(Commands[command]);
        Assert.Equal(WithoutToken(command), Answer((await client.Next()).Text));
    }

    [Theory, MemberData(nameof(BadTokens))]
    public async Task A_refresh_and_a_subscribe_with_it_change_nothing(string token)
    {
        await using var client = await Connect();
        await client.Subscribe("news");
        await client.Send(new { type = "refresh", token = Bad[token].Of([]) });
        Assert.Equal(Bad[token].Error, (await client.Next("error")).Code);
        await client.Send(new { type = "subscribe", channel = "$orders", token = Bad[token].Of([("channel", "$orders")]), history = 5 });
        var refused = await client.Next("error");
        Assert.Equal(("$orders", Bad[token].Error), (refused.Channel, refused.Code));

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
        await client.Send(new { type = "subscribe", channel = "$orders", token = Good([("channel", channel), ("sub", user)]) });
        Assert.True((await client.Next("error")).Code == code, which);
    }

    [Fact]
    public async Task Whether_a_foreign_channel_has_history_makes_no_difference_to_any_answer()
    {
        await using var client = await Connect();
        await using var knows = await Connect(Good([("subs", new JsonObject { ["$used"] = new JsonObject(), ["$unused"] = new JsonObject() })]));
        foreach (var used in new[] { "$used", "x#bob", "talk:x#bob" })
            await tokens.Server.Http.PublishMany(used, 1, 3);
        var epochs = new[] { (await knows.Subscribe("$used")).Epoch, (await knows.Subscribe("$unused")).Epoch };

        foreach (var (full, empty) in new[] { ("$used", "$unused"), ("x#bob", "y#bob"), ("talk:x#bob", "talk:y#bob") })
        {
            foreach (var (command, epoch) in new[] { "subscribe", "history", "presence", "presence_stats", "publish", "unsubscribe" }.SelectMany(_ => epochs, (command, epoch) => (command, epoch)))
            {
                var told = new List<string>();
                foreach (var channel in new[] { full, empty })
                {
                    await client.Send($$"""{"type":"{{command}}","channel":"{{channel}}","recover":{"epoch":"{{epoch}}","offset":2},"since":{"epoch":"{{epoch}}","offset":2},"data":1,"id":1}""");
                    told.Add((await client.Next("error")).Text.Replace(channel, "", StringComparison.Ordinal));
                }
                Assert.Equal(told[0], told[1]);
            }
        }
    }

    private static string WithoutToken(string command) => command switch
    {
        nameof(PingCommand) => "pong",
        nameof(AuthCommand) => "authenticated", // it brings a good one
        _ => "error 101",
    };

    private static string Answer(string text)
    {
        var json = JsonNode.Parse(text)!;
        return json["code"] is { } code ? $"{json["type"]} {code}" : $"{json["type"]}";
    }

    private Task<WsClient> Connect(string? token = null) =>
        WsClient.ConnectAsync(tokens.Server.WebSocket, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {token ?? Good()}" });

    private static string Good(params (string Name, JsonNode? Value)[] changes) => Hs256(Now(changes));

    private static string Now((string Name, JsonNode? Value)[] changes) => Claims([("exp", In(3_600)), .. changes]);

    private static long In(int seconds) => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + seconds;

    /// <summary>A server that takes HS256 and RS256, and has revoked a token.</summary>
    public sealed class TokenServer : IAsyncLifetime, IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public RunningServer Server { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            await File.WriteAllTextAsync(_folder["rsa.pem"], Rsa.ExportSubjectPublicKeyInfoPem());
            Server = await RunningServer.StartAsync(new()
            {
                ["Notify:Tokens:Algorithms:0"] = "HS256",
                ["Notify:Tokens:Algorithms:1"] = "RS256",
                ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(Secret),
                ["Notify:Tokens:PublicKeyFiles:0"] = _folder["rsa.pem"],
                ["Notify:Tokens:Issuer"] = "https://issuer.example",
                ["Notify:Tokens:Audience"] = "notify",
                ["Notify:Limits:ConnectionsPerUser"] = "1000",
                ["Notify:Namespaces:talk:ClientPublish"] = "true",
                ["Notify:Namespaces:talk:Presence"] = "true",
            });
            Assert.Equal(200, (await Server.Http.Post("/api/tokens/revoked/revoke", "")).Status);
        }

        public async Task DisposeAsync() => await Server.DisposeAsync();

        public void Dispose() => _folder.Dispose();
    }
}
