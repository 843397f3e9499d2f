using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Limits;

/// <summary>How fast may be published: on a channel, and with an API key.</summary>
public sealed class PublishRateTests
{
    [Fact]
    public async Task A_channel_takes_one_second_s_worth_at_once_from_all_and_refuses_the_rest()
    {
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Namespaces:slow:PublishesPerSecond"] = "1", ["Notify:Namespaces:slow:ClientPublish"] = "true" });
        await using var client = await server.WebSocket.Subscribed("slow:a");

        var (status, results) = await server.Http.Post("/api/events/batch", """[{"channel":"slow:a","data":1},{"channel":"slow:a","data":2},{"channel":"slow:b","data":3}]""");
        var (_, first) = await server.Http.Post("/api/events", """{"channel":"slow:key","data":1,"idempotencyKey":"k"}""");
        using var alone = await Publish(server.Http, """{"channel":"slow:a","data":4}""");
        await client.Send("""{"type":"publish","channel":"slow:a","data":5}""");

        var statuses = Statuses(results);
        Assert.Equal(200, status);
        Assert.Equal([202, 429, 202], statuses);
        Assert.Equal(429, (int)alone.StatusCode);
        Assert.Equal("1", alone.Headers.RetryAfter!.ToString());
        Assert.Equal(
            "Too many publications a second on this channel (PublishesPerSecond of its namespace): this one was not published, try again in a moment.",
            JsonDocument.Parse(await alone.Content.ReadAsStringAsync()).RootElement.GetProperty("detail").GetString());
        Assert.Equal(111, (await client.Next("error")).Code);
        var (repeated, answer) = await server.Http.Post("/api/events", """{"channel":"slow:key","data":1,"idempotencyKey":"k"}""");
        Assert.Equal((202, first.GetProperty("id").GetString()), (repeated, answer.GetProperty("id").GetString())); // it was published, and is told so

        await Until.Equal(202, "the answer a moment later", async () => (await server.Http.Post("/api/events", """{"channel":"slow:a","data":6}""")).Status);
        var offsets = (await client.TakeEvents(2)).Offsets();
        Assert.Equal([1UL, 2UL], offsets); // what was refused took no number
    }

    [Fact]
    public async Task A_durable_channel_too()
    {
        using var folder = new Sqlite.TemporaryFolder();
        await using var server = await RunningServer.StartAsync(new()
        {
            ["Notify:Namespaces:slow:PublishesPerSecond"] = "1",
            ["Notify:Namespaces:slow:Class"] = "Durable",
            ["Notify:Storage:Path"] = folder["notify.db"],
        });

        var (_, results) = await server.Http.Post("/api/events/batch", """[{"channel":"slow:a","data":1},{"channel":"slow:a","data":2},{"channel":"slow:a","data":3}]""");

        Assert.Equal([202, 429, 429], Statuses(results));
    }

    [Fact]
    public async Task An_api_key_publishes_as_fast_as_it_may_and_another_is_not_held_up()
    {
        var settings = new Dictionary<string, string?>();
        foreach (var (i, key, rate) in new[] { (0, "onk_slow", "2"), (1, "onk_free", "0") })
        {
            settings[$"Notify:ApiKeys:{i}:Name"] = key;
            settings[$"Notify:ApiKeys:{i}:Hash"] = Convert.ToHexString(ApiKeySecret.Hash(key));
            settings[$"Notify:ApiKeys:{i}:Scopes:0"] = "publish";
            settings[$"Notify:ApiKeys:{i}:PublishesPerSecond"] = rate;
        }
        await using var server = await RunningServer.StartAsync(settings);
        var batch = "[" + string.Join(',', Enumerable.Range(0, 4).Select(n => $$"""{"channel":"c{{n}}","data":1}""")) + "]";

        using var slow = await Publish(server.Http, batch, "onk_slow", "/api/events/batch");
        using var alone = await Publish(server.Http, """{"channel":"c","data":1}""", "onk_slow");
        using var free = await Publish(server.Http, batch, "onk_free", "/api/events/batch");

        var (slowly, freely) = (await slow.Content.ReadAsStringAsync(), await free.Content.ReadAsStringAsync());
        Assert.Equal([202, 202, 429, 429], Statuses(JsonDocument.Parse(slowly).RootElement));
        Assert.Equal((429, "1"), ((int)alone.StatusCode, alone.Headers.RetryAfter?.ToString()));
        Assert.Equal([202, 202, 202, 202], Statuses(JsonDocument.Parse(freely).RootElement));
    }

    private static int[] Statuses(JsonElement results) => [.. results.EnumerateArray().Select(result => result.GetProperty("status").GetInt32())];

    private static async Task<HttpResponseMessage> Publish(HttpClient http, string body, string? key = null, string path = "/api/events")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (key is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return await http.SendAsync(request);
    }
}
