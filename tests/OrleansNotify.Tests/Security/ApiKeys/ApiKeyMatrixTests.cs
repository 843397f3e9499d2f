using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Security.ApiKeys;

/// <summary>Every endpoint × every kind of key, with the answer in each cell. An endpoint that stands in no table fails the build.</summary>
public sealed class ApiKeyMatrixTests : IAsyncLifetime
{
    private const string Publisher = "onk_publisher", Reader = "onk_reader", Admin = "onk_admin", News = "onk_news";

    private static readonly string[] Open =
    [
        "/", "/page/app.js", "/page/events.js", "/page/favicon.svg", "/page/json.js", "/page/notify.js", "/page/publish.js", "/page/stats.js", "/page/style.css", "/sse", "/ws", "/health", "/health/live", "/health/ready", "/openapi/{documentName}.json", "/docs/{documentName?}", "/docs/favicon.svg", "/docs/scalar.js", "/docs/scalar.aspnetcore.js",
    ];

    private RunningServer _server = null!;

    // Method, pattern, an address of it, a body, who may (its scope's key), what he is answered, and what a key for "news" and "news.**" with every scope is.
    public static TheoryData<string, string, string, string?, string, int, int> Guarded => new()
    {
        { "POST", "/api/events", "/api/events", """{"channel":"chat","data":1}""", Publisher, 202, 403 },
        { "POST", "/api/events", "/api/events", """{"channel":"news","data":1}""", Publisher, 202, 202 },
        { "POST", "/api/events", "/api/events", """{"channel":"news.sport.today","data":1}""", Publisher, 202, 202 },
        { "POST", "/api/events", "/api/events", """{"type":"user","user":"42","data":1}""", Publisher, 202, 403 },
        { "POST", "/api/events", "/api/events", """{"type":"broadcast","data":1}""", Publisher, 202, 403 },
        { "POST", "/api/events/batch", "/api/events/batch", """[{"channel":"chat","data":1}]""", Publisher, 200, 200 },
        { "GET", "/api/stats", "/api/stats", null, Reader, 200, 403 },
        { "GET", "/api/connections", "/api/connections", null, Reader, 200, 403 },
        { "DELETE", "/api/connections/{id}", "/api/connections/x", null, Admin, 400, 403 },
        { "GET", "/api/users/{user}", "/api/users/42", null, Reader, 200, 403 },
        { "POST", "/api/users/{user}/events", "/api/users/42/events", """{"data":1}""", Publisher, 202, 403 },
        { "PUT", "/api/users/{user}/subscriptions/{channel}", "/api/users/42/subscriptions/chat", "", Admin, 200, 403 },
        { "PUT", "/api/users/{user}/subscriptions/{channel}", "/api/users/42/subscriptions/news", "", Admin, 200, 200 },
        { "DELETE", "/api/users/{user}/subscriptions/{channel}", "/api/users/42/subscriptions/chat", null, Admin, 200, 403 },
        { "DELETE", "/api/users/{user}/subscriptions/{channel}", "/api/users/42/subscriptions/news", null, Admin, 200, 200 },
        { "POST", "/api/users/{user}/disconnect", "/api/users/42/disconnect", "", Admin, 200, 403 },
        { "POST", "/api/users/{user}/revoke", "/api/users/42/revoke", "", Admin, 409, 403 },
        { "POST", "/api/tokens/{id}/revoke", "/api/tokens/t1/revoke", "", Admin, 409, 403 },
        { "GET", "/api/channels", "/api/channels", null, Reader, 200, 403 },
        { "GET", "/api/channels/{channel}", "/api/channels/chat", null, Reader, 200, 403 },
        { "GET", "/api/channels/{channel}", "/api/channels/news", null, Reader, 200, 200 },
        { "GET", "/api/channels/{channel}", "/api/channels/nowhere:x", null, Reader, 404, 403 },
        { "GET", "/api/channels/{channel}/history", "/api/channels/chat/history", null, Reader, 200, 403 },
        { "GET", "/api/channels/{channel}/history", "/api/channels/news/history", null, Reader, 200, 200 },
        { "GET", "/api/channels/{channel}/presence", "/api/channels/chat/presence", null, Reader, 404, 403 },
        { "GET", "/api/channels/{channel}/presence", "/api/channels/news/presence", null, Reader, 404, 404 },
        { "DELETE", "/api/channels/{channel}/history", "/api/channels/chat/history", null, Admin, 204, 403 },
        { "DELETE", "/api/channels/{channel}/history", "/api/channels/news/history", null, Admin, 204, 204 },
        { "GET", "/metrics", "/metrics", null, Reader, 200, 403 },
    };

    public async Task InitializeAsync()
    {
        var settings = new Dictionary<string, string?>();
        Add(Publisher, ["publish"]);
        Add(Reader, ["read"]);
        Add(Admin, ["admin"]);
        Add(News, ["publish", "read", "admin"], "news", "news.**");
        _server = await RunningServer.StartAsync(settings);

        void Add(string key, string[] scopes, params string[] channels)
        {
            var entry = $"Notify:ApiKeys:{settings.Keys.Count(name => name.EndsWith(":Name", StringComparison.Ordinal))}";
            settings[$"{entry}:Name"] = key;
            settings[$"{entry}:Hash"] = Convert.ToHexString(ApiKeySecret.Hash(key));
            foreach (var (i, scope) in scopes.Index())
                settings[$"{entry}:Scopes:{i}"] = scope;
            foreach (var (i, channel) in channels.Index())
                settings[$"{entry}:Channels:{i}"] = channel;
        }
    }

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    [Theory, MemberData(nameof(Guarded))]
    public async Task Each_key_gets_its_answer(string method, string pattern, string address, string? body, string allowed, int answer, int limited)
    {
        Assert.Equal(401, await Ask(method, address, body, null));
        Assert.Equal(401, await Ask(method, address, body, "onk_garbage"));
        Assert.Equal(401, await Ask(method, address, body, ""));
        Assert.Equal(401, await Ask(method, address, body, allowed.ToUpperInvariant()));
        Assert.Equal(401, await Ask(method, address, body, "eyJhbGciOiJub25lIn0.eyJzdWIiOiI0MiJ9.")); // a client's token is no key
        foreach (var key in new[] { Publisher, Reader, Admin })
            Assert.Equal(key == allowed ? answer : 403, await Ask(method, address, body, key));
        Assert.Equal(limited, await Ask(method, address, body, News));
        Assert.Contains(pattern, Patterns(), StringComparer.Ordinal);
    }

    [Fact]
    public void Every_endpoint_stands_in_a_table()
    {
        var endpoints = _server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().ToList();
        var guarded = Guarded.Select(row => $"{row[0]} {row[1]}").ToHashSet(StringComparer.Ordinal);
        foreach (var endpoint in endpoints)
        {
            var pattern = PatternOf(endpoint);
            if (endpoint.Metadata.GetMetadata<RequiredScope>() is null)
                Assert.Contains(pattern, Open, StringComparer.Ordinal);
            else
                Assert.Contains($"{endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Single() ?? "GET"} {pattern}", guarded);
        }
        Assert.Equal(Open.Concat(Guarded.Select(row => (string)row[1])).Distinct().Order(StringComparer.Ordinal), Patterns().Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_item_of_a_batch_for_another_channel_fails_alone()
    {
        using var reply = await Send("POST", "/api/events/batch", """[{"channel":"news","data":1},{"channel":"chat","data":2},{"channel":"news.x","data":3}]""", News);
        using var items = JsonDocument.Parse(await reply.Content.ReadAsStringAsync());
        Assert.Equal([202, 403, 202], items.RootElement.EnumerateArray().Select(item => item.GetProperty("status").GetInt32()));
        Assert.Equal("This API key is for other channels.", items.RootElement[1].GetProperty("error").GetProperty("detail").GetString());
    }

    [Theory]
    [InlineData("Authorization", "Bearer onk_reader", 200)]
    [InlineData("Authorization", "bearer onk_reader", 200)]
    [InlineData("Authorization", "Basic onk_reader", 401)]
    [InlineData("Authorization", "onk_reader", 401)]
    [InlineData("X-API-Key", "onk_reader", 200)]
    [InlineData("X-API-Key", "Bearer onk_reader", 401)]
    public async Task A_key_comes_in_one_of_two_headers(string header, string value, int answer)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/stats");
        Assert.True(request.Headers.TryAddWithoutValidation(header, value));
        using var reply = await _server.Http.SendAsync(request);
        Assert.Equal(answer, (int)reply.StatusCode);
    }

    [Fact]
    public async Task A_refusal_says_what_to_do_and_not_what_was_sent()
    {
        using var none = await Send("GET", "/api/stats", null, null);
        using var unknown = await Send("GET", "/api/stats", null, "onk_canary");
        Assert.Equal(("Bearer", "Bearer error=\"invalid_token\""), (none.Headers.WwwAuthenticate.ToString(), unknown.Headers.WwwAuthenticate.ToString()));
        Assert.Equal("application/problem+json", none.Content.Headers.ContentType!.MediaType);
        var said = await unknown.Content.ReadAsStringAsync();
        Assert.Contains("This API key is not known here.", said, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_idempotency_key_is_that_of_its_api_key()
    {
        const string Event = """{"channel":"news","data":1,"idempotencyKey":"k"}""";
        foreach (var (key, body, offset) in new[] { (Publisher, Event, 1), (News, Event.Replace('1', '2'), 2), (Publisher, Event, 1), (News, Event.Replace('1', '2'), 2) })
            Assert.Equal(offset, (await Publish("/api/events", key, body)).GetProperty("offset").GetInt32());
        Assert.Equal(1, (await Publish("/api/events/batch", Publisher, $"[{Event}]"))[0].GetProperty("offset").GetInt32());
        Assert.Equal(2, (await Publish("/api/events/batch", News, $"[{Event.Replace('1', '2')}]"))[0].GetProperty("offset").GetInt32());

        async Task<JsonElement> Publish(string path, string key, string body)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var response = await _server.Http.SendAsync(request);
            return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        }
    }

    [Fact]
    public async Task Two_keys_are_none()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/stats");
        request.Headers.Add("X-API-Key", Reader);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Reader);
        using var reply = await _server.Http.SendAsync(request);
        Assert.Equal(401, (int)reply.StatusCode);
    }

    private IEnumerable<string> Patterns() => _server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Select(PatternOf);

    private static string PatternOf(RouteEndpoint endpoint) => "/" + endpoint.RoutePattern.RawText!.Trim('/');

    private async Task<int> Ask(string method, string address, string? body, string? key)
    {
        using var reply = await Send(method, address, body, key);
        return (int)reply.StatusCode;
    }

    private async Task<HttpResponseMessage> Send(string method, string address, string? body, string? key)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (key is not null)
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        return await _server.Http.SendAsync(request);
    }
}
