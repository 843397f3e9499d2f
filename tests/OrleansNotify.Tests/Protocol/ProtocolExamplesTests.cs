using System.Globalization;
using System.Text;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Protocol;

/// <summary>PROTOCOL.md tells the truth: each of its examples, run against a server as the document says at its top.</summary>
public sealed class ProtocolExamplesTests(ProtocolExamplesTests.ExampleServer examples) : IClassFixture<ProtocolExamplesTests.ExampleServer>
{
    private const string Sends = "→ ";
    private const string Receives = "← ";
    private const string SomebodyPublishes = "» ";

    private readonly ExampleValues _values = new();

    public static TheoryData<int> LinesOf(string kind) => [.. ExampleBlock.All.Where(block => block.Kind == kind).Select(block => block.Line)];

    [Fact]
    public void Every_block_of_the_document_is_an_example_that_is_run()
    {
        Assert.All(ExampleBlock.All, block => Assert.Contains(block.Kind, new[] { "ws", "sse", "http" }));
        Assert.True(ExampleBlock.All.Count(block => block.Kind == "ws") >= 5, "WebSocket examples are missing.");
        Assert.True(ExampleBlock.All.Count(block => block.Kind == "http") >= 3, "HTTP examples are missing.");
        Assert.Single(ExampleBlock.All, block => block.Kind == "sse");
    }

    [Theory]
    [MemberData(nameof(LinesOf), "ws")]
    public async Task A_websocket_example_is_true(int line)
    {
        var block = ExampleBlock.All.Single(candidate => candidate.Line == line);
        await using var client = await WsClient.ConnectAsync(new UriBuilder(examples.Server.WebSocket) { Query = block.Query }.Uri);
        for (var i = 0; i < block.Lines.Count; i++)
        {
            var (mark, text, where) = (block.Lines[i][..2], block.Lines[i][2..], Where(block, i));
            switch (mark)
            {
                case Sends:
                    await client.Send(_values.Fill(text));
                    break;
                case Receives:
                    _values.AssertMatches(text, (await client.Next()).Text, where);
                    break;
                case SomebodyPublishes:
                    var (status, body) = await examples.Server.Http.Post("/api/events", _values.Fill(text));
                    Assert.True(status == 202, $"{where}: {status} {body}");
                    break;
                default:
                    Assert.Fail($"{where}: a line begins with '→ ', '← ' or '» '.");
                    break;
            }
        }
        await client.Send("""{"type":"ping","id":"the end"}""");
        Assert.Equal("""{"type":"pong","id":"the end"}""", (await client.Next()).Text); // nothing came that is not in the example
    }

    [Theory]
    [MemberData(nameof(LinesOf), "sse")]
    public async Task An_sse_example_is_true(int line)
    {
        var block = ExampleBlock.All.Single(candidate => candidate.Line == line);
        SseClient? stream = null;
        for (var i = 0; i < block.Lines.Count; i++)
        {
            var (text, where) = (_values.Fill(block.Lines[i][2..]), Where(block, i));
            if (block.Lines[i].StartsWith(Receives, StringComparison.Ordinal))
                _values.AssertMatches(text, (await stream!.Next()).Frame.Text, where);
            else if (block.Lines[i].StartsWith(SomebodyPublishes, StringComparison.Ordinal))
                await examples.Server.Http.Post("/api/events", text);
            else
            {
                await Close(stream);
                stream = await SseClient.ConnectAsync(examples.Server.Http, _values.Fill(block.Lines[i]["GET /sse?".Length..]));
            }
        }
        await Close(stream);

        static async Task Close(SseClient? stream)
        {
            Assert.Equal(0, stream?.Untaken ?? 0); // nothing came that is not in the example
            if (stream is not null)
                await stream.DisposeAsync();
        }
    }

    [Theory]
    [MemberData(nameof(LinesOf), "http")]
    public async Task An_http_example_is_true(int line)
    {
        var block = ExampleBlock.All.Single(candidate => candidate.Line == line);
        for (var i = 0; i < block.Lines.Count; i++)
        {
            var request = block.Lines[i].Split(' ');
            Assert.True(request is [['G' or 'P' or 'D', ..], ['/', ..]], $"{Where(block, i)}: a request line.");
            var headers = new Dictionary<string, string> { ["Content-Type"] = "application/json" };
            var body = new List<string>();
            for (i++; !block.Lines[i].StartsWith(Receives, StringComparison.Ordinal); i++)
            {
                var header = block.Lines[i].Split(": ", 2);
                if (body.Count == 0 && header.Length == 2 && header[0].All(c => char.IsAsciiLetter(c) || c == '-'))
                    headers[header[0]] = header[1];
                else
                    body.Add(_values.Fill(block.Lines[i]));
            }
            using var message = new HttpRequestMessage(new HttpMethod(request[0]), _values.Fill(request[1]));
            if (body.Count > 0)
                message.Content = new StringContent(string.Join('\n', body), Encoding.UTF8, headers["Content-Type"]);
            foreach (var (name, value) in headers.Where(header => header.Key != "Content-Type"))
                message.Headers.Add(name, value);

            using var response = await examples.Server.Http.SendAsync(message);

            var answer = await response.Content.ReadAsStringAsync();
            var expected = block.Lines[i][Receives.Length..].Split(' ', 2);
            var status = ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture);
            Assert.True(status == expected[0], $"{Where(block, i)}: {status} {answer}");
            if (expected.Length == 2)
                _values.AssertMatches(expected[1], answer, Where(block, i));
            else
                Assert.Empty(answer);
        }
    }

    private static string Where(ExampleBlock block, int line) => $"PROTOCOL.md:{block.Line + 1 + line}";

    /// <summary>As the document says: the defaults but for two settings.</summary>
    public sealed class ExampleServer : IAsyncLifetime
    {
        public RunningServer Server { get; private set; } = null!;

        public async Task InitializeAsync() => Server = await RunningServer.StartAsync(new()
        {
            ["Notify:Namespaces:chat:ClientPublish"] = "true",
            ["Notify:Namespaces:chat:Presence"] = "true",
            ["Notify:Development:AllowUserParameter"] = "true",
        });

        public async Task DisposeAsync()
        {
            Assert.Empty(Server.Log.Errors);
            await Server.DisposeAsync();
        }
    }
}
