using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Api;

/// <summary>Whoever is told to come back (429, 503) is told when: everywhere.</summary>
public sealed partial class RetryAfterTests
{
    private const string Key = "onk_slow";

    // Every answer of this kind under /api, as the API's own description lists them, and the request that gets it.
    private static readonly (string Operation, string Request, string? Body)[] Refused =
    [
        ("post /api/events 429", "POST /api/events", """{"channel":"often","data":1}"""),
        ("post /api/events 503", "POST /api/events", """{"channel":"down","data":1}"""),
        ("post /api/users/{user}/events 429", "POST /api/users/often/events", """{"data":1}"""),
        ("post /api/users/{user}/events 503", "POST /api/users/down/events", """{"data":1}"""),
        ("get /api/users/{user} 503", "GET /api/users/down", null),
        ("get /api/channels/{channel} 503", "GET /api/channels/down", null),
        ("get /api/channels/{channel}/history 503", "GET /api/channels/down/history", null),
        ("get /api/channels/{channel}/presence 503", "GET /api/channels/down/presence", null),
        ("delete /api/channels/{channel}/history 503", "DELETE /api/channels/down/history", null),
        ("delete /api/connections/{id} 503", "DELETE /api/connections/{id}", null),
        ("post /api/tokens/{id}/revoke 503", "POST /api/tokens/a/revoke", ""),
        ("post /api/users/{user}/revoke 503", "POST /api/users/a/revoke", ""),
    ];

    [Fact]
    public async Task Every_operation_that_can_be_429_or_503_says_when_to_come_back()
    {
        await using var server = await StartAsync(new()
        {
            ["Notify:Namespaces:default:PublishesPerSecond"] = "1",
            ["Notify:Namespaces:default:Presence"] = "true",
            ["Notify:Tokens:Algorithms:0"] = "HS256",
            ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(new byte[32]),
        });
        await using var client = await WsClient.ConnectAsync(server.WebSocket); // it has 10 s to say who it is
        JsonElement list = default;
        await Until.True("the connection is listed", async () => (list = (await server.Http.Get("/api/connections")).Body.GetProperty("connections")).GetArrayLength() == 1);
        var id = list[0].GetProperty("id").GetString();
        var (_, document) = await server.Http.Get("/openapi/v1.json");

        Assert.Equal(Described(document).Order(StringComparer.Ordinal), Refused.Select(r => r.Operation).Order(StringComparer.Ordinal));
        foreach (var (operation, request, body) in Refused)
        {
            var (method, path) = (request.Split(' ')[0], request.Split(' ')[1].Replace("{id}", id, StringComparison.Ordinal));
            // Of so many at once one at least comes too fast, however slow the machine.
            var answers = await Task.WhenAll(Enumerable.Range(0, operation.EndsWith("429", StringComparison.Ordinal) ? 20 : 1).Select(_ => Answer(server.Http, method, path, body)));
            Assert.Equal([$"{operation}, Retry-After 1"], answers.Where(answer => answer != "202, Retry-After -").Distinct().Select(answer => $"{operation[..^3]}{answer}"));
        }
    }

    [Fact]
    public async Task So_do_the_answers_that_are_no_operation_s()
    {
        await using var server = await StartAsync(new()
        {
            ["Notify:Limits:ConnectionsPerSilo"] = "1",
            ["Notify:Limits:ConnectionsPerUser"] = "1",
            ["Notify:Development:AllowUserParameter"] = "true",
        });
        await using var client = await WsClient.ConnectAsync(server.WebSocket, user: "42");
        await Until.True("user 42 is there", async () => (await server.Http.Get("/api/users/42")).Body.GetProperty("online").GetBoolean());

        Assert.Equal("429, Retry-After 1", await Answer(server.Http, "GET", "/sse?channel=a&user=42"));
        Assert.Equal("503, Retry-After 1", await Answer(server.Http, "GET", "/sse?channel=a"));
        Assert.Equal("503, Retry-After 1", await Answer(server.Http, "GET", "/ws"));
        Assert.Equal("200, Retry-After -", await Answer(server.Http, "GET", "/health"));

        server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        Assert.Equal("503, Retry-After 1", await Answer(server.Http, "GET", "/health"));
        Assert.Equal("503, Retry-After 1", await Answer(server.Http, "GET", "/health/ready"));
        Assert.Equal("200, Retry-After -", await Answer(server.Http, "GET", "/health/live"));
    }

    [Fact]
    public async Task So_does_the_answer_to_too_many_publications_with_an_api_key()
    {
        await using var server = await StartAsync(new()
        {
            ["Notify:ApiKeys:0:Name"] = "slow",
            ["Notify:ApiKeys:0:Hash"] = Convert.ToHexString(ApiKeySecret.Hash(Key)),
            ["Notify:ApiKeys:0:Scopes:0"] = "publish",
            ["Notify:ApiKeys:0:PublishesPerSecond"] = "1",
        });
        server.Http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Key);
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => Answer(server.Http, "POST", "/api/events", $$"""{"channel":"a","data":{{n}}}""")));

        Assert.Equal(["429, Retry-After 1"], answers.Where(answer => answer != "202, Retry-After -").Distinct());
    }

    [Fact]
    public void No_other_place_answers_with_a_status_of_its_own()
    {
        // ChannelsEndpoints: 409 with the position; the others: 202 and 204.
        var places = Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(file => StatusWritten().IsMatch(File.ReadAllText(file)))
            .Select(file => Path.GetFileName(file));
        Assert.Equal(["ApiProblem.cs", "ChannelsEndpoints.cs", "OriginGuard.cs", "PublishReply.cs"], places.Order(StringComparer.Ordinal));
    }

    // What is called "down" is, and so are the front-ends' and the revocations' grains for those who want something changed.
    private static Task<RunningServer> StartAsync(Dictionary<string, string?> settings) =>
        RunningServer.StartAsync(settings, services => services.AddSingleton<IIncomingGrainCallFilter>(new CallFilter(call =>
            call.TargetId.Key.ToString()!.TrimStart('#') == "down" || call.MethodName is "Disconnect" or "Revoke" ? throw new OrleansException("down") : call.Invoke())));

    private static IEnumerable<string> Described(JsonElement document) =>
        from path in document.GetProperty("paths").EnumerateObject()
        from operation in path.Value.EnumerateObject()
        where operation.Value.ValueKind == JsonValueKind.Object && operation.Value.TryGetProperty("responses", out _)
        from response in operation.Value.GetProperty("responses").EnumerateObject()
        where response.Name is "429" or "503"
        select $"{operation.Name} {path.Name} {response.Name}";

    private static async Task<string> Answer(HttpClient http, string method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (path == "/ws")
        {
            request.Headers.Connection.Add("Upgrade");
            request.Headers.Upgrade.Add(new ProductHeaderValue("websocket"));
            request.Headers.Add("Sec-WebSocket-Version", "13");
            request.Headers.Add("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
        }
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return $"{(int)response.StatusCode}, Retry-After {response.Headers.RetryAfter?.ToString() ?? "-"}";
    }

    [GeneratedRegex(@"Results\.(Problem|StatusCode)\(|\.StatusCode = ")]
    private static partial Regex StatusWritten();
}
