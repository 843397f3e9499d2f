using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.BadInput;

/// <summary>100,000 inputs made of good ones by chance, always the same: messages, WebSocket frames and bodies.</summary>
[Collection(MassAbortTests.Alone)]
public sealed class FuzzTests
{
    private const int Seed = 20_261_124;
    private const int Workers = 8;
    private const int Messages = 70_000;
    private const int Bodies = 25_000;
    private const int Frames = 5_000;

    // What is kept of an input, by mistake, comes to far more: 500 bytes of each would.
    private const long MaxGrowth = 48 << 20;

    private static readonly HashSet<string> Replies = ["subscribed", "unsubscribed", "pong", "published", "history", "presence", "presence_stats", "authenticated", "refreshed", "error"];

    private static readonly string Token = Hs256(Claims(("exp", In(3_600)), ("subs", new JsonObject { ["$own"] = new JsonObject(), ["a.**"] = new JsonObject() })));

    private static readonly byte[][] Commands = Bytes(
        """{"type":"subscribe","channel":"a.b","id":1,"history":3}""",
        """{"type":"subscribe","channel":"a.*","id":"x"}""",
        """{"type":"subscribe","channel":"a.**","recover":[{"channel":"a.b","epoch":"1","offset":1}]}""",
        """{"type":"subscribe","channel":"talk:a","id":2,"recover":{"epoch":"1-2-3","offset":7},"presence":true}""",
        $$"""{"type":"subscribe","channel":"$own","token":"{{Hs256(Claims(("exp", In(3_600)), ("channel", "$own")))}}"}""",
        """{"type":"unsubscribe","channel":"a.b","id":3}""",
        """{"type":"unsubscribe","channel":"talk:a"}""",
        """{"type":"publish","channel":"talk:a","data":{"text":"hello \ud83d\ude00","n":[1,2.5e3,null,true]},"event":"said","tags":["a","b"],"idempotencyKey":"k1","echo":false,"id":4}""",
        """{"type":"publish","channel":"talk:b","data":"x"}""",
        """{"type":"history","channel":"talk:a","limit":10,"reverse":true,"since":{"epoch":"1-2-3","offset":1},"id":5}""",
        """{"type":"presence","channel":"talk:a","id":6}""",
        """{"type":"presence_stats","channel":"talk:a","id":7}""",
        $$"""{"type":"refresh","token":"{{Token}}","id":8}""",
        $$"""{"type":"auth","token":"{{Token}}","id":9}""",
        """{"type":"ping","id":10}""");

    private static readonly (string Path, string Type, byte[] Body)[] Posts =
    [
        ("/api/events", "application/json", Bytes("""{"channel":"talk:a","data":{"message":"hello"},"event":"said","tags":["a"],"idempotencyKey":"k2"}""")[0]),
        ("/api/events", "application/json", Bytes("""{"type":"user","user":"bob","data":[1,2,{"a":{"b":null}}]}""")[0]),
        ("/api/events", "application/json", Bytes("""{"type":"broadcast","data":"all"}""")[0]),
        ("/api/events/batch", "application/json", Bytes("""[{"channel":"talk:a","data":1},{"channel":"talk:b","data":2,"idempotencyKey":"k3"}]""")[0]),
        ("/api/events/batch", "application/x-ndjson", Bytes("{\"channel\":\"talk:a\",\"data\":1}\n{\"channel\":\"talk:b\",\"data\":{}}\n")[0]),
        ("/api/users/bob/events", "application/json", Bytes("""{"data":{"a":1}}""")[0]),
    ];

    [Fact]
    public void Every_command_is_a_seed() => Assert.Equal(
        typeof(ClientCommand).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(ClientCommand))).Select(type => type.Name).Order(StringComparer.Ordinal),
        Commands.Select(seed => JsonCommandReader.TryRead(seed, 300, out var command, out var problem) ? command.GetType().Name : problem.Message).Distinct().Order(StringComparer.Ordinal));

    [Fact]
    public async Task A_hundred_thousand_inputs_get_each_one_answer_and_leave_nothing_behind()
    {
        await using var server = await RunningServer.StartAsync(new()
        {
            ["Notify:Tokens:Algorithms:0"] = "HS256",
            ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(Secret),
            ["Notify:Tokens:Issuer"] = "https://issuer.example",
            ["Notify:Tokens:Audience"] = "notify",
            ["Notify:Namespaces:talk:ClientPublish"] = "true",
            ["Notify:Namespaces:talk:Presence"] = "true",
            ["Notify:Namespaces:talk:HistorySize"] = "5",
            ["Notify:Limits:ConnectionsPerUser"] = "1000",
            ["Notify:Limits:PingInterval"] = "01:00:00", // on a slow machine a connection here lives longer than 25 s
            ["Notify:Limits:CommandsPerSecond"] = "100000",
            ["Notify:Limits:CommandBurst"] = "1000000",
            ["Notify:Limits:PublishesPerSecond"] = "100000",
            ["Notify:Limits:PublishBurst"] = "1000000",
            ["Notify:Limits:SubscribesPerSecond"] = "100000",
            ["Notify:Limits:SubscribeBurst"] = "1000000",
        });
        await using var witness = await Connect(server, "witness");
        await witness.Subscribe("witness");

        await Round(server, Seed, share: 10); // what is made once, whatever comes
        var before = await Weight(server);
        await server.Http.Publish("witness", """{"n":1}""");
        await Round(server, Seed + 1, share: 1);
        await server.Http.Publish("witness", """{"n":2}""");

        Assert.Equal([1, 2], (await witness.TakeEvents(2, "witness")).Numbers());
        Assert.Empty(server.Log.Errors);
        await Until.Equal((1, 1), "connections and subscriptions", () => server.Http.Stats("witness"));
        await Until.True($"the heap is near {before:n0} bytes again", async () => await Weight(server) < before + MaxGrowth);
    }

    // All the inputs, or a share of them, by workers side by side.
    private static Task Round(RunningServer server, int seed, int share) => Task.WhenAll(Enumerable.Range(0, Workers).Select(async worker =>
    {
        await Task.Yield();
        var random = new Random(seed + (worker * 1_000));
        var about = $"seed {seed}, worker {worker}";
        await SendMessages(server, random, Messages / (Workers * share), about);
        await SendBodies(server, random, Bodies / (Workers * share), about);
        await SendFrames(server, random, Frames / (Workers * share), about);
    }));

    private static async Task SendMessages(RunningServer server, Random random, int count, string about)
    {
        const int Burst = 50; // fewer than the bad messages in a row that end a connection
        var mutator = new Mutator(random, Commands);
        for (var done = 0; done < count;)
        {
            await using var raw = await Open(server);
            await raw.AssertGoesOn();
            for (var burst = 0; burst < 10 && done < count; burst++)
            {
                var inputs = Enumerable.Range(0, Math.Min(Burst, count - done)).Select(_ => mutator.Next()).ToList();
                done += inputs.Count;
                foreach (var input in inputs.Where(input => !Utf8.IsValid(input)))
                {
                    await using var own = await Open(server);
                    await own.SendFrame(1, input);
                    Assert.True(await own.ReadCloseCode() == 1007, $"{about}, before {done}: not closed as no UTF-8 (RFC 6455 8.1):\n{Show([input])}");
                }
                inputs.RemoveAll(input => !Utf8.IsValid(input));
                foreach (var input in inputs)
                    await raw.SendFrame(1, input);
                await raw.SendText("""{"type":"ping","id":"last"}""");
                var answers = 0;
                while (answers <= inputs.Count)
                {
                    var frame = await raw.ReadFrame();
                    Assert.True(frame is { Opcode: 1 }, $"{about}, before {done}: {frame?.Text ?? "the end"} after {answers} answers to:\n{Show(inputs)}");
                    if (Replies.Contains(Answers.Parse(frame!.Text).GetProperty("type").GetString()!))
                        answers++;
                }
            }
        }
    }

    private static Task<RawSocket> Open(RunningServer server) => RawSocket.OpenAsync(server.WebSocket.Port, "/ws", ("Authorization", $"Bearer {Token}"));

    private static async Task SendBodies(RunningServer server, Random random, int count, string about)
    {
        int[] expected = [200, 202, 207, 400, 413, 415, 422];
        var mutators = Posts.Select(post => new Mutator(random, [post.Body])).ToList();
        for (var i = 0; i < count; i++)
        {
            var which = random.Next(Posts.Length);
            var input = mutators[which].Next();
            using var content = new ByteArrayContent(input) { Headers = { ContentType = new MediaTypeHeaderValue(Posts[which].Type) } };
            using var response = await server.Http.PostAsync(new Uri(Posts[which].Path, UriKind.Relative), content);
            var text = await response.Content.ReadAsStringAsync();
            Assert.True(expected.Contains((int)response.StatusCode), $"{about}, body {i}: {(int)response.StatusCode} {text} to {Posts[which].Path}:\n{Show([input])}");
            Answers.Parse(text);
        }
    }

    // Broken framing ends a connection: each has one of its own, which says that nothing more comes.
    private static async Task SendFrames(RunningServer server, Random random, int count, string about)
    {
        int[] expected = [1000, 1002, 1003, 1005, 1007, 1009];
        var mutator = new Mutator(random, [.. Commands.Select(command => Masked(command, random))]);
        for (var i = 0; i < count; i++)
        {
            await using var raw = await Open(server);
            var input = mutator.Next();
            await raw.Send(input);
            raw.SaysNoMore();
            while (await raw.ReadFrame() is { } frame)
            {
                if (frame.Opcode == 8 && frame.CloseCode is var code and not (>= 3000 and < 5000)) // a code of our own is answered with itself
                    Assert.True(expected.Contains(code), $"{about}, frame {i}: {code}:\n{Show([input])}");
                else if (frame.Opcode == 1)
                    Answers.Parse(frame.Text);
            }
        }
    }

    private static byte[] Masked(byte[] payload, Random random)
    {
        var frame = RawSocket.Frame(1, payload, masked: false);
        var head = frame.Length - payload.Length;
        var key = new byte[4];
        random.NextBytes(key);
        frame[1] |= 0x80;
        return [.. frame[..head], .. key, .. payload.Select((b, i) => (byte)(b ^ key[i % 4]))];
    }

    private static async Task<long> Weight(RunningServer server)
    {
        await server.Http.Stats("witness"); // lets the server's loops run between two collections
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    private static Task<WsClient> Connect(RunningServer server, string user) => WsClient.ConnectAsync(
        server.WebSocket, headers: new Dictionary<string, string> { ["Authorization"] = $"Bearer {Hs256(Claims(("exp", In(3_600)), ("sub", user)))}" });

    private static byte[][] Bytes(params string[] texts) => [.. texts.Select(Encoding.UTF8.GetBytes)];

    private static string Show(IEnumerable<byte[]> inputs) => string.Join('\n', inputs.Select(Convert.ToBase64String));

    private static long In(int seconds) => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + seconds;
}
