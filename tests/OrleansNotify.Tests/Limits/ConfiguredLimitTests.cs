using System.Text;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Testing;
using OrleansNotify.Tests.BadInput;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Limits;

/// <summary><c>Notify:Limits</c>, with other values than the defaults: those are tested elsewhere, and would be kept by a server that reads no setting.</summary>
public sealed class ConfiguredLimitTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(new()
    {
        ["Notify:Limits:MessageBytes"] = "2000",
        ["Notify:Limits:BodyBytes"] = "1100",
        ["Notify:Limits:JsonDepth"] = "2",
        ["Notify:Namespaces:talk:ClientPublish"] = "true",
        ["Notify:Limits:BatchBytes"] = "1300",
        ["Notify:Limits:BatchItems"] = "3",
        ["Notify:Limits:SubscriptionsPerConnection"] = "2",
    });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_message_may_be_as_large_as_configured_and_not_a_byte_larger()
    {
        await using var raw = await RawSocket.OpenAsync(_server.WebSocket.Port);
        await raw.SendText("""{"type":"ping"}""".PadRight(2000));
        Assert.Equal("pong", (await raw.Next()).GetProperty("type").GetString());
        await raw.SendText("""{"type":"ping"}""".PadRight(2001));
        Assert.Equal(1009, await raw.ReadFirstCloseCode());
    }

    [Fact]
    public async Task A_body_may_be_as_large_as_configured_and_not_a_byte_larger()
    {
        Assert.Equal(202, (await Post("/api/events", Event("body", 1100))).Status);
        (await Post("/api/events", Event("body", 1101))).AssertProblem(413, "The body may have at most 1100 bytes.");
    }

    [Fact]
    public async Task Data_may_be_nested_as_deep_as_configured_and_not_a_level_deeper()
    {
        const string Fits = """{"channel":"talk:deep","data":[{"n":1}]}""", IsTooDeep = """{"channel":"talk:deep","data":[{"n":[]}]}""";
        Assert.Equal(202, (await Post("/api/events", Fits)).Status);
        (await Post("/api/events", IsTooDeep)).AssertProblem(400, "Invalid JSON: nested deeper than 3 levels (byte…");
        Assert.Equal(["202", "400 Invalid JSON: nested deeper than 3 levels (byte 36)."], await Results($"[{Fits},{IsTooDeep}]"));

        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        await client.Send($$"""{"type":"publish",{{Fits[1..]}}""");
        await client.Next("published");
        await client.Send($$"""{"type":"publish",{{IsTooDeep[1..]}}""");
        Assert.Equal(107, (await client.Next("error")).Code);
        await client.Send("""{"type":"subscribe","channel":"deep.*","recover":[{"channel":"deep.a","epoch":"none","offset":0}]}"""); // the deepest command
        await client.Next("subscribed");
    }

    [Fact]
    public async Task A_batch_and_its_items_may_be_as_large_as_configured_and_not_a_byte_larger()
    {
        var item = Event("batch", 1100);
        Assert.Equal(["202"], await Results($"[{item}]".PadRight(1300)));
        (await Post("/api/events/batch", $"[{item}]".PadRight(1301))).AssertProblem(413, "A batch may have at most 1300 bytes.");
        Assert.Equal(["202", "413 An event may have at most 1100 bytes."], await Results($"[{Event("batch", 50)},{Event("batch", 1101)}]"));
    }

    [Theory]
    [InlineData("application/json", "[", ",", "]")]
    [InlineData("application/x-ndjson", "", "\n", "")]
    public async Task A_batch_may_have_as_many_items_as_configured_and_not_one_more(string contentType, string start, string separator, string end)
    {
        Assert.Equal(["202", "202", "202"], await Results(Items(3), contentType));
        (await Post("/api/events/batch", Items(4), contentType)).AssertProblem(413, "A batch may have at most 3 events.");

        string Items(int count) => start + string.Join(separator, Enumerable.Repeat(Event("items", 50), count)) + end;
    }

    [Fact]
    public async Task A_connection_may_have_as_many_subscriptions_as_configured_and_not_one_more()
    {
        await using var client = await _server.WebSocket.Subscribed("a", "b");
        await client.Send(new { type = "subscribe", channel = "c" });
        var refused = (await client.Next("error")).Json;
        Assert.Equal((106, "c"), (refused.GetProperty("code").GetInt32(), refused.GetProperty("channel").GetString()));

        var (status, problem) = await _server.Http.Get("/sse?channel=a&channel=b&channel=c");
        Assert.Equal((400, "At most 2 channels per connection."), (status, problem.GetProperty("detail").GetString()));
    }

    [Fact]
    public async Task The_head_of_a_request_has_to_come_in_time()
    {
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Limits:HandshakeTimeout"] = "00:00:01" });
        await using var raw = await RawSocket.ConnectAsync(server.WebSocket.Port);
        await raw.Send("GET /ws HTTP/1.1\r\nHost: "u8.ToArray());
        // Looked for once a second; the default is 10 s.
        Assert.Equal(408, (await raw.ReadResponse().WaitAsync(TimeSpan.FromSeconds(6), TimeProvider.System)).Status);
    }

    [Fact]
    public async Task No_more_handshakes_than_configured_are_under_way_at_once()
    {
        // A handshake is over when its user's own channel is there.
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await RunningServer.StartAsync(
            new() { ["Notify:Limits:HandshakesAtOnce"] = "1", ["Notify:Development:AllowUserParameter"] = "true" },
            services => services.AddSingleton<IIncomingGrainCallFilter>(new CallFilter(async call =>
            {
                if (call.MethodName == nameof(IChannelGrain.Attach) && call.TargetId.Key.ToString() == "#42")
                    await go.Task;
                await call.Invoke();
            })));
        await using var first = await RawSocket.OpenAsync(server.WebSocket.Port, "/ws?user=42");

        await using var second = await RawSocket.ConnectAsync(server.WebSocket.Port);
        (await second.Handshake()).AssertProblem(503, "Too many connections, or too many at once; try again, or at another silo.");

        go.SetResult();
        await first.AssertGoesOn();
        await Until.Equal(101, "the answer to the next handshake", async () =>
        {
            await using var next = await RawSocket.ConnectAsync(server.WebSocket.Port);
            return (await next.Handshake()).Status;
        });
    }

    private static string Event(string channel, int bytes)
    {
        var frame = $$"""{"channel":"{{channel}}","data":""}""";
        return frame.Replace("\"\"", $"\"{new string('x', bytes - frame.Length)}\"", StringComparison.Ordinal);
    }

    private Task<RawResponse> Post(string path, string body, string contentType = "application/json") =>
        RawSocket.Post(_server.WebSocket.Port, path, Encoding.UTF8.GetBytes(body), contentType);

    // Of each item its status, and why not.
    private async Task<IEnumerable<string>> Results(string body, string contentType = "application/json")
    {
        var response = await Post("/api/events/batch", body, contentType);
        Assert.True(response.Status == 200, response.Body);
        return Answers.Parse(response.Body).EnumerateArray().Select(result =>
            result.TryGetProperty("error", out var error) ? $"{result.GetProperty("status")} {error.GetProperty("detail")}" : $"{result.GetProperty("status")}");
    }
}
