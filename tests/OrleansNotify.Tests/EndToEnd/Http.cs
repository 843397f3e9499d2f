using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>What tests say over HTTP.</summary>
internal static class Http
{
    /// <summary>POST /api/events; 202 or the test fails.</summary>
    public static async Task<JsonElement> Publish(this HttpClient http, string channel, string data)
    {
        var (status, body) = await http.Post("/api/events", $$"""{"channel":"{{channel}}","data":{{data}}}""");
        Assert.True(status == 202, $"publish answered {status}: {body}");
        return body;
    }

    /// <summary>Publishes {"n":from} … {"n":to} one after the other.</summary>
    public static async Task PublishMany(this HttpClient http, string channel, int from, int to)
    {
        for (var n = from; n <= to; n++)
            await http.Publish(channel, $$"""{"n":{{n}}}""");
    }

    public static async Task<(int Status, JsonElement Body)> Post(this HttpClient http, string path, string body, string contentType = "application/json", string? idempotencyKey = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, contentType) };
        if (idempotencyKey is not null)
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        using var response = await http.SendAsync(request);
        return ((int)response.StatusCode, await Read(response));
    }

    public static async Task<(int Status, JsonElement Body)> Get(this HttpClient http, string path)
    {
        using var response = await http.GetAsync(new Uri(path, UriKind.Relative));
        return ((int)response.StatusCode, await Read(response));
    }

    public static async Task<int> Delete(this HttpClient http, string path)
    {
        using var response = await http.DeleteAsync(new Uri(path, UriKind.Relative));
        return (int)response.StatusCode;
    }

    /// <summary>(active_connections, subscriptions of a channel) of /api/stats.</summary>
    public static async Task<(int Connections, int Subscriptions)> Stats(this HttpClient http, string channel)
    {
        var stats = await http.GetFromJsonAsync<JsonElement>("/api/stats");
        return (stats.GetProperty("active_connections").GetInt32(),
            stats.GetProperty("channels").TryGetProperty(channel, out var count) ? count.GetInt32() : 0);
    }

    /// <summary>Connects and subscribes.</summary>
    public static async Task<WsClient> Subscribed(this Uri server, params string[] channels)
    {
        var client = await WsClient.ConnectAsync(server, timeout: TimeSpan.FromSeconds(30));
        foreach (var channel in channels)
            await client.Subscribe(channel);
        return client;
    }

    /// <summary>Subscribes with options, such as <c>"history":3</c>.</summary>
    public static async Task<JsonElement> Subscribe(this WsClient client, string channel, string options)
    {
        await client.Send($$"""{"type":"subscribe","channel":"{{channel}}",{{options}}}""");
        return await client.Take("subscribed", channel);
    }

    /// <summary>Takes the next message of a type.</summary>
    public static async Task<JsonElement> Take(this WsClient client, string type, string? channel = null) =>
        (await client.Next(type, frame => channel is null || frame.Channel == channel)).Json;

    public static IEnumerable<int> Numbers(this IEnumerable<WsFrame> events) => events.Select(e => e.Json).Numbers();

    public static ulong[] Offsets(this IEnumerable<WsFrame> events) => events.Select(e => e.Json).Offsets();

    public static IEnumerable<int> Numbers(this IEnumerable<JsonElement> events) => events.Select(e => e.GetProperty("data").GetProperty("n").GetInt32()).ToArray();

    public static ulong[] Offsets(this IEnumerable<JsonElement> events) => [.. events.Select(e => e.GetProperty("offset").GetUInt64())];

    private static async Task<JsonElement> Read(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        return text.StartsWith('{') || text.StartsWith('[') ? JsonDocument.Parse(text).RootElement : default;
    }
}
