using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Security.Tokens;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.Security.ApiKeys;

/// <summary>Every endpoint × every kind of key, and of client's token, with the answer in each cell. An endpoint that stands in no table fails the build.</summary>
public sealed class ApiKeyMatrixTests(ApiKeyMatrixTests.KeyServer keys) : IClassFixture<ApiKeyMatrixTests.KeyServer>
{
    private const string Publisher = "onk_publisher", Reader = "onk_reader", Admin = "onk_admin", News = "onk_news";

    private const string AllowedOrigin = "https://app.example.com";

    private const string NoKey = "401 Send an API key: \"Authorization: Bearer <key>\" or \"X-API-Key: <key>\".";
    private const string UnknownKey = "401 This API key is not known here.";
    private const string OtherChannels = "403 This API key is for other channels.";
    private const string EveryChannel = "403 This API key is limited to some channels, and this address is about all of them.";

    // Pattern, an address of it, and what everybody is answered, whatever he shows. Who may use the last two, tokens say (CommandMatrixTests).
    private static readonly (string Pattern, string Address, string Answer)[] Open =
    [
        ("/", "/", "200"),
        ("/page/app.js", "/page/app.js", "200"),
        ("/page/events.js", "/page/events.js", "200"),
        ("/page/favicon.svg", "/page/favicon.svg", "200"),
        ("/page/json.js", "/page/json.js", "200"),
        ("/page/notify.js", "/page/notify.js", "200"),
        ("/page/publish.js", "/page/publish.js", "200"),
        ("/page/stats.js", "/page/stats.js", "200"),
        ("/page/style.css", "/page/style.css", "200"),
        ("/health", "/health", "200"),
        ("/health/live", "/health/live", "200"),
        ("/health/ready", "/health/ready", "200"),
        ("/openapi/{documentName}.json", "/openapi/v1.json", "200"),
        ("/docs/{documentName?}", "/docs/", "200"),
        ("/docs/favicon.svg", "/docs/favicon.svg", "200"),
        ("/docs/scalar.js", "/docs/scalar.js", "200"),
        ("/docs/scalar.aspnetcore.js", "/docs/scalar.aspnetcore.js", "200"),
        ("/sse", "/sse", "400 Name at least one channel: /sse?channel=news&channel=chat.room1"),
        ("/ws", "/ws", "426 This address speaks WebSocket: connect with a WebSocket client over HTTP/1.1."),
    ];

    private RunningServer Server => keys.Server;

    // Method, pattern, an address of it, a body, who may (its scope's key), what he is answered, and what a key for "news" and "news.**" with every scope is.
    public static TheoryData<string, string, string, string?, string, string, string> Guarded => new()
    {
        { "POST", "/api/events", "/api/events", """{"channel":"chat","data":1}""", Publisher, "202", OtherChannels },
        { "POST", "/api/events", "/api/events", """{"channel":"news","data":1}""", Publisher, "202", "202" },
        { "POST", "/api/events", "/api/events", """{"channel":"news.sport.today","data":1}""", Publisher, "202", "202" },
        { "POST", "/api/events", "/api/events", """{"type":"user","user":"42","data":1}""", Publisher, "202", OtherChannels },
        { "POST", "/api/events", "/api/events", """{"type":"broadcast","data":1}""", Publisher, "202", OtherChannels },
        { "POST", "/api/events/batch", "/api/events/batch", """[{"channel":"chat","data":1}]""", Publisher, "200", "200" },
        { "GET", "/api/stats", "/api/stats", null, Reader, "200", EveryChannel },
        { "GET", "/api/connections", "/api/connections", null, Reader, "200", EveryChannel },
        { "DELETE", "/api/connections/{id}", "/api/connections/x", null, Admin, "400", EveryChannel },
        { "GET", "/api/users/{user}", "/api/users/42", null, Reader, "200", EveryChannel },
        { "POST", "/api/users/{user}/events", "/api/users/42/events", """{"data":1}""", Publisher, "202", OtherChannels },
        { "PUT", "/api/users/{user}/subscriptions/{channel}", "/api/users/42/subscriptions/chat", "", Admin, "200", OtherChannels },
        { "PUT", "/api/users/{user}/subscriptions/{channel}", "/api/users/42/subscriptions/news", "", Admin, "200", "200" },
        { "DELETE", "/api/users/{user}/subscriptions/{channel}", "/api/users/42/subscriptions/chat", null, Admin, "200", OtherChannels },
        { "DELETE", "/api/users/{user}/subscriptions/{channel}", "/api/users/42/subscriptions/news", null, Admin, "200", "200" },
        { "POST", "/api/users/{user}/disconnect", "/api/users/42/disconnect", "", Admin, "200", EveryChannel },
        { "POST", "/api/users/{user}/revoke", "/api/users/42/revoke", "", Admin, "200", EveryChannel },
        { "POST", "/api/tokens/{id}/revoke", "/api/tokens/t1/revoke", "", Admin, "200", EveryChannel },
        { "GET", "/api/channels", "/api/channels", null, Reader, "200", EveryChannel },
        { "GET", "/api/channels/{channel}", "/api/channels/chat", null, Reader, "200", OtherChannels },
        { "GET", "/api/channels/{channel}", "/api/channels/news", null, Reader, "200", "200" },
        { "GET", "/api/channels/{channel}", "/api/channels/nowhere:x", null, Reader, "404", OtherChannels },
        { "GET", "/api/channels/{channel}/history", "/api/channels/chat/history", null, Reader, "200", OtherChannels },
        { "GET", "/api/channels/{channel}/history", "/api/channels/news/history", null, Reader, "200", "200" },
        { "GET", "/api/channels/{channel}/presence", "/api/channels/chat/presence", null, Reader, "404", OtherChannels },
        { "GET", "/api/channels/{channel}/presence", "/api/channels/news/presence", null, Reader, "404", "404" },
        { "DELETE", "/api/channels/{channel}/history", "/api/channels/chat/history", null, Admin, "204", OtherChannels },
        { "DELETE", "/api/channels/{channel}/history", "/api/channels/news/history", null, Admin, "204", "204" },
        { "GET", "/metrics", "/metrics", null, Reader, "200", EveryChannel },
    };

    [Theory, MemberData(nameof(Guarded))]
    public async Task Each_key_gets_its_answer(string method, string pattern, string address, string? body, string allowed, string answer, string limited)
    {
        Assert.Equal(NoKey, await Ask(method, address, body, null));
        Assert.Equal(NoKey, await Ask(method, address, body, ""));
        foreach (var key in (string[])["onk_garbage", allowed.ToUpperInvariant(), .. ClientTokens()]) // a client's token is no key, good or not
            Assert.Equal((key, UnknownKey), (key, await Ask(method, address, body, key)));
        var scope = allowed["onk_".Length..] switch { "publisher" => "publish", "reader" => "read", var admin => admin };
        foreach (var key in new[] { Publisher, Reader, Admin })
            Assert.Equal(key == allowed ? answer : $"403 This API key lacks the scope {scope}.", Short(await Ask(method, address, body, key), key == allowed));
        Assert.Equal(limited, Short(await Ask(method, address, body, News), limited is not (OtherChannels or EveryChannel)));
        Assert.Contains(pattern, Patterns(), StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_is_open_answers_everybody_alike()
    {
        foreach (var (_, address, answer) in Open)
        {
            foreach (var key in (string?[])[null, "onk_garbage", Reader, Admin, .. ClientTokens()])
                Assert.Equal((address, answer), (address, await Ask("GET", address, null, key)));
        }
    }

    [Fact]
    public async Task A_page_of_another_origin_is_refused_with_the_best_of_keys_and_an_allowed_one_may_use_every_method()
    {
        foreach (var (method, address, body, key) in Guarded.Select(row => ((string)row[0], (string)row[2], (string?)row[3], (string)row[4])).Concat(Open.Select(open => ("GET", open.Address, (string?)null, Admin))))
        {
            foreach (var origin in new[] { "https://evil.example", "null", AllowedOrigin + ":8443" })
            {
                Assert.Equal(
                    (address, "403 Requests from web pages of another origin are refused; to allow one, add its origin to Notify:Security:AllowedOrigins."),
                    (address, await Ask(method, address, body, key, origin)));
            }
            using var preflight = new HttpRequestMessage(HttpMethod.Options, address);
            preflight.Headers.Add("Origin", AllowedOrigin);
            preflight.Headers.Add("Access-Control-Request-Method", method);
            using var allowed = await Server.Http.SendAsync(preflight);
            Assert.Equal((204, AllowedOrigin), ((int)allowed.StatusCode, allowed.Headers.GetValues("Access-Control-Allow-Origin").Single()));
            Assert.Contains(method, allowed.Headers.GetValues("Access-Control-Allow-Methods").Single().Split(", "));
        }
    }

    [Fact]
    public async Task Whether_a_channel_of_others_exists_makes_no_difference_to_any_answer()
    {
        Assert.Equal("202", Short(await Ask("POST", "/api/events", """{"channel":"$used","data":1}""", Publisher), true));
        using var read = await Send("GET", "/api/channels/$used", null, Reader);
        var epoch = JsonDocument.Parse(await read.Content.ReadAsStringAsync()).RootElement.GetProperty("epoch").GetString();
        foreach (var (method, address, body, answer) in new (string, string, string?, string)[]
        {
            ("GET", "/api/channels/CHANNEL", null, OtherChannels),
            ("GET", $"/api/channels/CHANNEL/history?since=1&epoch={epoch}", null, OtherChannels),
            ("GET", "/api/channels/CHANNEL/presence", null, OtherChannels),
            ("DELETE", "/api/channels/CHANNEL/history", null, OtherChannels),
            ("PUT", "/api/users/42/subscriptions/CHANNEL", "", OtherChannels),
            ("DELETE", "/api/users/42/subscriptions/CHANNEL", null, OtherChannels),
            ("POST", "/api/events", """{"channel":"CHANNEL","data":1}""", OtherChannels),
            ("GET", "/api/channels?pattern=CHANNEL", null, EveryChannel),
            ("GET", "/api/connections?channel=CHANNEL", null, EveryChannel),
            ("GET", "/api/stats", null, EveryChannel),
        })
        {
            foreach (var channel in new[] { "$used", "$unused" })
                Assert.Equal((address, answer), (address, await Ask(method, address.Replace("CHANNEL", channel, StringComparison.Ordinal), body?.Replace("CHANNEL", channel, StringComparison.Ordinal), News)));
        }
    }

    [Fact]
    public void Every_endpoint_stands_in_a_table()
    {
        var endpoints = Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().ToList();
        var guarded = Guarded.Select(row => $"{row[0]} {row[1]}").ToHashSet(StringComparer.Ordinal);
        var open = Open.Select(row => row.Pattern).ToHashSet(StringComparer.Ordinal);
        foreach (var endpoint in endpoints)
        {
            var pattern = PatternOf(endpoint);
            if (endpoint.Metadata.GetMetadata<RequiredScope>() is null)
                Assert.Contains(pattern, open);
            else
                Assert.Contains($"{endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Single() ?? "GET"} {pattern}", guarded);
        }
        Assert.Equal(open.Concat(Guarded.Select(row => (string)row[1])).Distinct().Order(StringComparer.Ordinal), Patterns().Distinct().Order(StringComparer.Ordinal));
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
        using var reply = await Server.Http.SendAsync(request);
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
        const string Event = """{"channel":"news.keys","data":1,"idempotencyKey":"k"}""";
        foreach (var (key, body, offset) in new[] { (Publisher, Event, 1), (News, Event.Replace('1', '2'), 2), (Publisher, Event, 1), (News, Event.Replace('1', '2'), 2) })
            Assert.Equal(offset, (await Publish("/api/events", key, body)).GetProperty("offset").GetInt32());
        Assert.Equal(1, (await Publish("/api/events/batch", Publisher, $"[{Event}]"))[0].GetProperty("offset").GetInt32());
        Assert.Equal(2, (await Publish("/api/events/batch", News, $"[{Event.Replace('1', '2')}]"))[0].GetProperty("offset").GetInt32());

        async Task<JsonElement> Publish(string path, string key, string body)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var response = await Server.Http.SendAsync(request);
            return JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        }
    }

    [Fact]
    public async Task Two_keys_are_none()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/stats");
        request.Headers.Add("X-API-Key", Reader);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", Reader);
        using var reply = await Server.Http.SendAsync(request);
        Assert.Equal(401, (int)reply.StatusCode);
    }

    private IEnumerable<string> Patterns() => Server.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().Select(PatternOf);

    private static string PatternOf(RouteEndpoint endpoint) => "/" + endpoint.RoutePattern.RawText!.Trim('/');

    private static IEnumerable<string> ClientTokens() => [BadTokens.Good(), BadTokens.Good(("channel", "news")), .. BadTokens.Names.Select(name => BadTokens.Of(name).Make([]))];

    // Of an answer that was given the status is enough.
    private static string Short(string answer, bool given) => given ? answer[..3] : answer;

    // The status, and of a problem its sentence.
    private async Task<string> Ask(string method, string address, string? body, string? key, string? origin = null)
    {
        using var reply = await Send(method, address, body, key, origin);
        if (reply.Content.Headers.ContentType?.MediaType != "application/problem+json")
            return $"{(int)reply.StatusCode}";
        var problem = await reply.Content.ReadAsStringAsync();
        Assert.DoesNotContain("canary", problem, StringComparison.Ordinal);
        return $"{(int)reply.StatusCode} {JsonDocument.Parse(problem).RootElement.GetProperty("detail").GetString()}";
    }

    private async Task<HttpResponseMessage> Send(string method, string address, string? body, string? key, string? origin = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), address);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (key is not null)
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {key}");
        if (origin is not null)
            request.Headers.Add("Origin", origin);
        return await Server.Http.SendAsync(request);
    }

    /// <summary>A server that knows four keys and trusts one origin.</summary>
    public sealed class KeyServer : IAsyncLifetime, IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public RunningServer Server { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            var settings = new Dictionary<string, string?>(BadTokens.Settings(_folder["keys.json"])) { ["Notify:Security:AllowedOrigins:0"] = AllowedOrigin };
            Add(Publisher, ["publish"]);
            Add(Reader, ["read"]);
            Add(Admin, ["admin"]);
            Add(News, ["publish", "read", "admin"], "news", "news.**");
            Server = await RunningServer.StartAsync(settings);

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

        public async Task DisposeAsync() => await Server.DisposeAsync();

        public void Dispose() => _folder.Dispose();
    }
}
