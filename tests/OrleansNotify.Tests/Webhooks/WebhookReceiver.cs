using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Webhooks;

/// <summary>Somebody's server that takes webhooks, on loopback. It keeps every request, and checks its signature as PROTOCOL.md tells receivers to.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    /// <summary>What requests are signed with, as it stands in the configuration.</summary>
    public const string Secret = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTEyMzQ=";

    private readonly WebApplication _app;
    private readonly List<WebhookRequest> _requests = [];

    private WebhookReceiver(WebApplication app) => _app = app;

    /// <summary>Where it listens.</summary>
    public string Url => $"{_app.Urls.First()}/hook?code=canary";

    /// <summary>Answers the n-th request, from 1 on. Default: 200.</summary>
    public Func<int, HttpContext, Task> Answer { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Requests so far.</summary>
    public IReadOnlyList<WebhookRequest> Requests
    {
        get
        {
            lock (_requests)
                return [.. _requests];
        }
    }

    /// <summary>Events so far, in order; repeated ones once.</summary>
    public IReadOnlyList<JsonElement> Events => [.. Requests.DistinctBy(request => request.Id).SelectMany(request => request.Events)];

    /// <summary>Events so far, in a few words: type, channel, user.</summary>
    public IReadOnlyList<string> Told => [.. Events.Select(WebhookRequest.InWords)];

    public static async Task<WebhookReceiver> StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        var receiver = new WebhookReceiver(builder.Build());
        receiver._app.Run(receiver.Take);
        await receiver._app.StartAsync();
        return receiver;
    }

    /// <summary>Settings of a server whose hook number <paramref name="number"/> this is.</summary>
    public Dictionary<string, string?> Settings(int number = 0) =>
        new() { [$"Notify:Webhooks:{number}:Url"] = Url, [$"Notify:Webhooks:{number}:Secret"] = Secret };

    /// <summary>Waits until these events have come, and no others.</summary>
    public Task Has(params string[] told) =>
        Until.Equal(string.Join(", ", told), "what the receiver was told", () => string.Join(", ", Told), TimeSpan.FromSeconds(20));

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task Take(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var headers = context.Request.Headers;
        var request = new WebhookRequest(
            context.Request.Path, $"{headers["webhook-id"]}", $"{headers["webhook-timestamp"]}", $"{headers["webhook-signature"]}", $"{headers.ContentType}", Encoding.UTF8.GetString(body.ToArray()));
        int number;
        lock (_requests)
        {
            _requests.Add(request);
            number = _requests.Count;
        }
        await Answer(number, context);
    }
}

/// <summary>One request of a webhook.</summary>
internal sealed record WebhookRequest(string Path, string Id, string Timestamp, string Signature, string ContentType, string Body)
{
    /// <summary>Its events.</summary>
    public IReadOnlyList<JsonElement> Events => [.. JsonDocument.Parse(Body).RootElement.EnumerateArray()];

    /// <summary>Whether it was signed with <see cref="WebhookReceiver.Secret"/>.</summary>
    public bool IsSigned
    {
        get
        {
            var secret = Convert.FromBase64String(WebhookReceiver.Secret["whsec_".Length..]);
            return Signature == "v1," + Convert.ToBase64String(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(Id + "." + Timestamp + "." + Body)));
        }
    }

    /// <summary>An event in a few words.</summary>
    public static string InWords(JsonElement told)
    {
        var data = told.GetProperty("data");
        var words = new[] { "channel", "user", "code" }.Where(name => data.TryGetProperty(name, out _)).Select(name => $"{data.GetProperty(name)}");
        return string.Join(' ', [told.GetProperty("type").GetString()!.Split('.')[^1], .. words]);
    }
}
