using System.Net;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Api;

/// <summary>What can be looked at over HTTP, against a real server.</summary>
public sealed class LookApiTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(new() { ["Notify:Development:AllowUserParameter"] = "true" });

    public async Task DisposeAsync()
    {
        Assert.Empty(_server.Log.Errors);
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Stats_have_the_promised_members()
    {
        await using var client = await _server.WebSocket.Subscribed("notifications", "@system");
        var (_, stats) = await _server.Http.Get("/api/stats");
        Assert.Equal(
            ["active_connections", "channels", "silos", "published", "delivered", "uptime_seconds", "partial"],
            stats.EnumerateObject().Select(p => p.Name));
        Assert.Equal(1, stats.GetProperty("active_connections").GetInt32());
        Assert.Equal("""{"notifications":1}""", stats.GetProperty("channels").ToString());
        Assert.False(stats.GetProperty("partial").GetBoolean());
    }

    [Fact]
    public async Task Connections_are_listed_page_by_page_and_found_by_channel_and_user()
    {
        await using var one = await WsClient.ConnectAsync(_server.WebSocket, user: "42");
        await one.Subscribe("a");
        await using var two = await _server.WebSocket.Subscribed("a", "b");
        await using var three = await WsClient.ConnectAsync(_server.WebSocket);
        await three.Ping();

        Assert.Equal(3, (await Ids("")).Length);
        Assert.Equal(2, (await Ids("?channel=a")).Length);
        Assert.Single(await Ids("?user=42"));
        var (_, page) = await _server.Http.Get("/api/connections?limit=2");
        var next = page.GetProperty("next").GetString();
        var rest = await Ids($"?limit=2&after={next}");
        Assert.Single(rest);
        Assert.DoesNotContain(rest[0], page.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("id").GetString()));
        Assert.Equal("42", (await _server.Http.Get("/api/connections?user=42")).Body.GetProperty("connections")[0].GetProperty("user").GetString());
        foreach (var bad in new[] { "limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "channel=two%20words", "user=a%20b", "after=7", "after=zzzzzzzz-1" })
        {
            var (status, problem) = await _server.Http.Get($"/api/connections?{bad}");
            Assert.Equal((400, bad.Split('=')[0]), (status, problem.GetProperty("field").GetString()));
        }
    }

    [Fact]
    public async Task A_connection_and_all_of_a_user_are_disconnected()
    {
        await using var one = await WsClient.ConnectAsync(_server.WebSocket, user: "42");
        await using var two = await WsClient.ConnectAsync(_server.WebSocket, user: "42");
        await using var other = await WsClient.ConnectAsync(_server.WebSocket);
        foreach (var client in new[] { one, two, other })
            await client.Ping(); // it is listed
        var ids = await Ids("");
        var others = ids.Except(await Ids("?user=42")).Single();

        Assert.Equal(204, await _server.Http.Delete($"/api/connections/{others}"));
        Assert.Equal(3503, (await other.Closed()).Code);
        await Until.True("it is gone", async () => await _server.Http.Delete($"/api/connections/{others}") == 404);
        Assert.Equal(400, await _server.Http.Delete("/api/connections/7"));
        Assert.Equal(404, await _server.Http.Delete("/api/connections/00000000-1"));
        var (status, reply) = await _server.Http.Post("/api/users/42/disconnect", "");
        Assert.Equal((200, 2), (status, reply.GetProperty("disconnected").GetInt32()));
        Assert.Equal((3503, 3503), ((await one.Closed()).Code, (await two.Closed()).Code));
        Assert.Equal(400, (await _server.Http.Post("/api/users/a%20b/disconnect", "")).Status);
    }

    [Fact]
    public async Task Channels_are_listed_by_name_and_pattern_page_by_page()
    {
        foreach (var channel in new[] { "chat.a", "chat.b", "chat.b.c", "other", "#42x", "zoo" })
            await _server.Http.Post("/api/events", $$"""{"channel":"{{(channel.StartsWith('#') ? "x" + channel : channel)}}","data":1}""");
        await _server.Http.Post("/api/events", """{"type":"broadcast","data":1}""");

        Assert.Equal(["chat.a", "chat.b", "chat.b.c", "other", "x#42x", "zoo"], await Channels(""));
        Assert.Equal(["chat.a", "chat.b"], await Channels("?pattern=chat.*"));
        Assert.Equal(["chat.a", "chat.b", "chat.b.c"], await Channels("?pattern=chat.**"));
        var (_, page) = await _server.Http.Get("/api/channels?limit=2");
        Assert.Equal("chat.b", page.GetProperty("next").GetString());
        Assert.Equal(["chat.b.c", "other"], await Channels("?limit=2&after=chat.b"));
        Assert.False((await _server.Http.Get("/api/channels?after=other")).Body.TryGetProperty("next", out _));
        Assert.Equal(400, (await _server.Http.Get("/api/channels?pattern=chat*")).Status);
        Assert.Equal(400, (await _server.Http.Get("/api/channels?limit=-1")).Status);
    }

    [Fact]
    public async Task A_channel_tells_its_position_class_and_subscriptions()
    {
        await using var client = await _server.WebSocket.Subscribed("seen");
        var accepted = await _server.Http.Publish("seen", "1");

        var (_, channel) = await _server.Http.Get("/api/channels/seen");

        Assert.Equal(accepted.GetProperty("epoch").GetString(), channel.GetProperty("epoch").GetString());
        Assert.Equal((1, true, 1), (channel.GetProperty("offset").GetInt32(), channel.GetProperty("recoverable").GetBoolean(), channel.GetProperty("subscriptions").GetInt32()));
        Assert.False((await _server.Http.Get("/api/channels/@system")).Body.TryGetProperty("subscriptions", out _));
        Assert.Equal(400, (await _server.Http.Get("/api/channels/two%20words")).Status);
        Assert.Equal(404, (await _server.Http.Get("/api/channels/nowhere:x")).Status);
    }

    [Theory]
    [InlineData("a/b", "a%2Fb")]
    [InlineData("a/b", "a%2fb")]
    [InlineData("room#42", "room%2342")]
    [InlineData("a+b", "a+b")]
    [InlineData("a+b", "a%2Bb")]
    public async Task A_name_in_an_address_is_decoded_once(string name, string encoded)
    {
        await _server.Http.Publish(name, "1");
        var (status, channel) = await _server.Http.Get($"/api/channels/{encoded}");
        Assert.Equal((200, name, 1), (status, channel.GetProperty("channel").GetString(), channel.GetProperty("offset").GetInt32()));
    }

    [Theory]
    [InlineData("a%252Fb")]
    [InlineData("a%25")]
    [InlineData("a%20b")]
    [InlineData("%2A")]
    public async Task A_name_that_is_none_after_decoding_once_is_refused(string encoded) =>
        Assert.Equal(400, (await _server.Http.Get($"/api/channels/{encoded}")).Status);

    [Fact]
    public async Task History_is_read_from_a_position_both_ways_and_erased()
    {
        await _server.Http.PublishMany("kept", 1, 5);
        var (_, all) = await _server.Http.Get("/api/channels/kept/history");
        var epoch = all.GetProperty("epoch").GetString();
        Assert.Equal(["channel", "epoch", "offset", "gapless", "publications"], all.EnumerateObject().Select(p => p.Name));
        Assert.Equal([1, 2, 3, 4, 5], Publications(all).Numbers());

        Assert.Equal([3, 4, 5], Publications((await _server.Http.Get($"/api/channels/kept/history?epoch={epoch}&since=2")).Body).Numbers());
        Assert.Equal([3, 4], Publications((await _server.Http.Get("/api/channels/kept/history?since=2&limit=2")).Body).Numbers());
        Assert.Equal([5, 4], Publications((await _server.Http.Get("/api/channels/kept/history?reverse=true&limit=2")).Body).Numbers());
        Assert.Empty(Publications((await _server.Http.Get("/api/channels/kept/history?limit=0")).Body));

        Assert.Equal(204, await _server.Http.Delete("/api/channels/kept/history"));
        var (_, erased) = await _server.Http.Get("/api/channels/kept/history");
        Assert.Equal((5, 0), (erased.GetProperty("offset").GetInt32(), erased.GetProperty("publications").GetArrayLength()));
    }

    [Theory]
    [InlineData("epoch=1-2-3&since=1")]
    [InlineData("epoch=nonsense&since=0")]
    [InlineData("since=6")]
    [InlineData("since=18446744073709551615")]
    public async Task A_position_the_channel_does_not_know_is_a_conflict_that_tells_its_own(string query)
    {
        await _server.Http.PublishMany("kept", 1, 5);
        var (status, problem) = await _server.Http.Get($"/api/channels/kept/history?{query}");
        Assert.Equal((409, 5), (status, problem.GetProperty("offset").GetInt32()));
        Assert.Equal((await _server.Http.Get("/api/channels/kept")).Body.GetProperty("epoch").GetString(), problem.GetProperty("epoch").GetString());
    }

    [Theory]
    [InlineData("since=-1", "since")]
    [InlineData("since=18446744073709551616", "since")]
    [InlineData("since=1.0", "since")]
    [InlineData("limit=301", "limit")]
    [InlineData("reverse=yes", "reverse")]
    [InlineData("epoch=1-2-3", "since")]
    public async Task A_wrong_parameter_of_history_is_named(string query, string field)
    {
        var (status, problem) = await _server.Http.Get($"/api/channels/kept/history?{query}");
        Assert.Equal((400, field), (status, problem.GetProperty("field").GetString()));
    }

    [Theory]
    [InlineData("GET", "/api/nothing", 404)]
    [InlineData("GET", "/api", 404)]
    [InlineData("GET", "/api/events", 405)]
    [InlineData("PUT", "/api/stats", 405)]
    public async Task Every_error_under_api_is_a_problem(string method, string path, int status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        using var response = await _server.Http.SendAsync(request);
        Assert.Equal((status, "application/problem+json"), ((int)response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        Assert.Equal(status, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement.GetProperty("status").GetInt32());
    }

    [Fact]
    public async Task Foreign_pages_and_foreign_names_are_refused_everywhere()
    {
        foreach (var path in new[] { "/api/stats", "/ws", "/health", "/metrics", "/docs/" })
        {
            using var foreign = new HttpRequestMessage(HttpMethod.Get, path);
            foreign.Headers.Add("Origin", "http://evil.example");
            Assert.Equal(HttpStatusCode.Forbidden, (await _server.Http.SendAsync(foreign)).StatusCode);
            using var rebound = new HttpRequestMessage(HttpMethod.Get, path);
            rebound.Headers.Host = "evil.example";
            Assert.Equal(HttpStatusCode.MisdirectedRequest, (await _server.Http.SendAsync(rebound)).StatusCode);
        }
        using var own = new HttpRequestMessage(HttpMethod.Get, "/api/stats");
        own.Headers.Add("Origin", _server.Http.BaseAddress!.GetLeftPart(UriPartial.Authority));
        Assert.Equal(HttpStatusCode.OK, (await _server.Http.SendAsync(own)).StatusCode);
    }

    [Fact]
    public async Task Metrics_count_what_happened_under_labels_from_closed_sets()
    {
        // A process of its own: in this one the metrics of every server that runs beside are counted in.
        await using var server = await ServerProcess.StartAsync();
        await using var client = await server.WebSocket.Subscribed("measured-channel");
        await server.Http.PublishMany("measured-channel", 1, 3);
        await client.TakeEvents(3);
        await client.Send("nonsense");
        await client.Next("error");

        var text = "";
        await Until.True("the metrics have them", async () => (text = await server.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative))).Contains("notify_publications_total{otel_scope_name=\"OrleansNotify\"} 3", StringComparison.Ordinal)
            && text.Contains("notify_deliveries_total{otel_scope_name=\"OrleansNotify\"} 3", StringComparison.Ordinal));

        Assert.Contains("notify_connections{otel_scope_name=\"OrleansNotify\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("notify_subscriptions{otel_scope_name=\"OrleansNotify\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("notify_errors_total{otel_scope_name=\"OrleansNotify\",code=\"107\"} 1", text, StringComparison.Ordinal);
        Assert.Contains("notify_publish_to_written_duration_seconds_bucket", text, StringComparison.Ordinal);
        Assert.Contains("notify_encodes_total{otel_scope_name=\"OrleansNotify\"} 3", text, StringComparison.Ordinal);
        Assert.DoesNotContain("measured-channel", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_names_each_part_and_a_stopping_server_is_not_ready()
    {
        var (status, health) = await _server.Http.Get("/health");
        Assert.Equal((200, "healthy"), (status, health.GetProperty("status").GetString()));
        Assert.Equal(["silo", "front_end", "host", "warm_up"], health.GetProperty("checks").EnumerateObject().Select(p => p.Name));
        Assert.Equal(200, (await _server.Http.Get("/health/live")).Status);
        Assert.Equal(200, (await _server.Http.Get("/health/ready")).Status);

        _server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();

        foreach (var path in new[] { "/health", "/health/ready" })
        {
            (status, health) = await _server.Http.Get(path);
            Assert.Equal((503, "unhealthy"), (status, health.GetProperty("status").GetString()));
            Assert.Contains("stopping", health.GetProperty("checks").GetProperty("host").GetString(), StringComparison.Ordinal);
        }
        Assert.Equal(200, (await _server.Http.Get("/health/live")).Status);
    }

    [Fact]
    public async Task The_document_describes_every_endpoint_with_examples()
    {
        var (_, document) = await _server.Http.Get("/openapi/v1.json");
        var paths = document.GetProperty("paths");
        Assert.Equal(
            [
                "/api/channels", "/api/channels/{channel}", "/api/channels/{channel}/history", "/api/channels/{channel}/presence", "/api/connections", "/api/connections/{id}",
                "/api/events", "/api/events/batch", "/api/stats", "/api/tokens/{id}/revoke",
                "/api/users/{user}", "/api/users/{user}/disconnect", "/api/users/{user}/events", "/api/users/{user}/revoke", "/api/users/{user}/subscriptions/{channel}",
            ],
            paths.EnumerateObject().Select(p => p.Name).Where(p => p.StartsWith("/api", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        var publish = paths.GetProperty("/api/events").GetProperty("post");
        var body = publish.GetProperty("requestBody").GetProperty("content").GetProperty("application/json");
        var (status, _) = await _server.Http.Post("/api/events", body.GetProperty("example").ToString());
        Assert.Equal(202, status); // the example can be sent as it is
        Assert.True(publish.GetProperty("responses").GetProperty("202").GetProperty("content").GetProperty("application/json").TryGetProperty("example", out _));
        Assert.Equal(["400", "401", "403", "413", "415", "422", "429", "503"], publish.GetProperty("responses").EnumerateObject().Select(p => p.Name).Where(s => s[0] > '3').Order(StringComparer.Ordinal));
        var batch = paths.GetProperty("/api/events/batch").GetProperty("post").GetProperty("requestBody").GetProperty("content");
        Assert.Equal(200, (await _server.Http.Post("/api/events/batch", batch.GetProperty("application/json").GetProperty("example").ToString())).Status);
    }

    private static List<JsonElement> Publications(JsonElement page) => [.. page.GetProperty("publications").EnumerateArray()];

    private async Task<string[]> Ids(string query) =>
        [.. (await _server.Http.Get("/api/connections" + query)).Body.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("id").GetString()!)];

    private async Task<string[]> Channels(string query) =>
        [.. (await _server.Http.Get("/api/channels" + query)).Body.GetProperty("channels").EnumerateArray().Select(c => c.GetProperty("channel").GetString()!)];
}
