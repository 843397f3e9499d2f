using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.AspNetCore.Webhooks;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Webhooks;

/// <summary>A server with real clients, and somebody it tells.</summary>
public sealed class WebhookServerTests : IAsyncLifetime
{
    private WebhookReceiver _receiver = null!;

    public async Task InitializeAsync() => _receiver = await WebhookReceiver.StartAsync();

    public async Task DisposeAsync() => await _receiver.DisposeAsync();

    [Fact]
    public async Task What_a_client_does_is_told_once_and_in_order_and_signed()
    {
        await using var server = await Start();
        await using (var client = await WsClient.ConnectAsync(server.WebSocket, user: "alice"))
        {
            await client.Subscribe("news");
            await client.Unsubscribe("news");
            await client.Send(new { type = "subscribe", channel = "$none" });
            await client.Next("error"); // it takes a token
            await client.CloseAsync();
        }

        await _receiver.Has("connected alice", "subscribed news alice", "occupied news", "unsubscribed news alice", "disconnected alice");
        Assert.All(_receiver.Requests, request => Assert.True(request.IsSigned));
        Assert.Equal(5, _receiver.Events.Select(told => told.GetProperty("id").GetString()).Distinct().Count());
        var subscribed = _receiver.Events[1];
        var connection = subscribed.GetProperty("data").GetProperty("connection").GetString();
        Assert.Equal(
            $$$"""{"specversion":"1.0","id":"{{{subscribed.GetProperty("id")}}}","source":"urn:orleansnotify:notify","type":"orleansnotify.connection.subscribed","subject":"{{{connection}}}","time":"{{{subscribed.GetProperty("time")}}}","data":{"connection":"{{{connection}}}","user":"alice","transport":"websocket","channel":"news"}}""",
            subscribed.GetRawText());
        Assert.Equal("""{"channel":"news"}""", _receiver.Events[2].GetProperty("data").GetRawText());
        Assert.Equal("orleansnotify.channel.occupied news", $"{_receiver.Events[2].GetProperty("type")} {_receiver.Events[2].GetProperty("subject")}");
        Assert.All(_receiver.Events, told => Assert.EndsWith("Z", told.GetProperty("time").GetString(), StringComparison.Ordinal));
        await Until.Equal((5L, 0L), "delivered and waiting", () => (Metrics(server).TotalWebhooks(WebhookOutcome.Delivered), Metrics(server).WebhooksWaiting));
        var metrics = await server.Http.GetStringAsync(new Uri("/metrics", UriKind.Relative));
        Assert.Contains("notify_webhooks_total{otel_scope_name=\"OrleansNotify\",outcome=\"Delivered\"}", metrics, StringComparison.Ordinal);
        Assert.Contains("notify_webhooks_waiting{otel_scope_name=\"OrleansNotify\"}", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_closed_by_the_server_is_disconnected_with_its_code_behind_its_subscriptions()
    {
        await using var server = await Start();
        await using var client = await server.WebSocket.Subscribed("a", "b.*");
        await using var other = await SseClient.ConnectAsync(server.Http, "channel=c");
        await _receiver.Has("connected", "subscribed a", "occupied a", "subscribed b.*", "connected", "subscribed c", "occupied c");
        var id = (await server.Http.Get("/api/connections?channel=a")).Body.GetProperty("connections")[0].GetProperty("id").GetString();
        await server.Http.Delete($"/api/connections/{id}");
        await client.Closed();
        await server.StopAsync();

        await _receiver.Has(
            "connected", "subscribed a", "occupied a", "subscribed b.*", "connected", "subscribed c", "occupied c",
            "unsubscribed a", "unsubscribed b.*", "disconnected 3503", "unsubscribed c", "disconnected 3001");
        Assert.Equal("Disconnected through the API.", _receiver.Events[9].GetProperty("data").GetProperty("reason").GetString());
        Assert.Equal("sse", _receiver.Events[^1].GetProperty("data").GetProperty("transport").GetString());
    }

    [Fact]
    public async Task A_channel_that_only_a_pattern_reaches_is_occupied_by_its_first_publication()
    {
        await using var server = await Start();
        await using var client = await server.WebSocket.Subscribed("room.*");
        await server.Http.PublishMany("room.1", 1, 2);
        await server.Http.PublishMany("hall.1", 1, 1);
        await client.TakeEvents(2);
        await using var last = await server.WebSocket.Subscribed("z");

        await _receiver.Has("connected", "subscribed room.*", "occupied room.1", "connected", "subscribed z", "occupied z");
    }

    [Fact]
    public async Task Each_hook_is_told_what_it_wants()
    {
        await using var channels = await WebhookReceiver.StartAsync();
        await using var server = await Start(new(channels.Settings(1))
        {
            ["Notify:Webhooks:0:Events:0"] = "disconnected",
            ["Notify:Webhooks:1:Events:0"] = "occupied",
            ["Notify:Webhooks:1:Events:1"] = "subscribed",
            ["Notify:Webhooks:1:Events:2"] = "connected",
            ["Notify:Webhooks:1:Channels:0"] = "chat.**",
            ["Notify:Webhooks:1:Channels:1"] = "news",
        });
        await using (var client = await server.WebSocket.Subscribed("other", "chat.1", "chat.*", "hall.*", "news", "@broadcast"))
            await client.CloseAsync();

        await _receiver.Has("disconnected");
        await channels.Has("connected", "subscribed chat.1", "occupied chat.1", "subscribed chat.*", "subscribed news", "occupied news");
    }

    [Fact]
    public async Task A_receiver_that_comes_back_gets_everything_in_order()
    {
        var port = Ports.Free();
        await using var server = await Start(new()
        {
            ["Notify:Webhooks:1:Url"] = $"http://127.0.0.1:{port.ToString(CultureInfo.InvariantCulture)}/",
            ["Notify:Webhooks:1:Secret"] = WebhookReceiver.Secret,
        });
        await using var client = await server.WebSocket.Subscribed([.. Enumerable.Range(0, 60).Select(n => $"c{n}")]);
        await _receiver.Has([.. Events()]);
        await Until.True("a try has failed", () => server.Log.Entries.Any(entry => entry.Contains($"Webhook 1 (127.0.0.1:{port}): try 1 failed", StringComparison.Ordinal)));

        await using var back = await WebhookReceiver.StartAsync(port);

        await back.Has([.. Events()]);
        Assert.Equal(_receiver.Events.Select(told => told.GetProperty("id").GetString()), back.Events.Select(told => told.GetProperty("id").GetString()));

        static IEnumerable<string> Events() => ["connected", .. Enumerable.Range(0, 60).SelectMany(n => new[] { $"subscribed c{n}", $"occupied c{n}" })];
    }

    [Fact]
    public async Task A_receiver_that_never_answers_holds_up_nobody()
    {
        var never = new TaskCompletionSource();
        _receiver.Answer = (_, context) => never.Task.WaitAsync(context.RequestAborted);
        await using var server = await Start(new() { ["Notify:Webhooks:0:QueueEvents"] = "100" });
        for (var round = 0; round < 100; round++)
        {
            await using var client = await server.WebSocket.Subscribed($"c{round}");
            await server.Http.PublishMany($"c{round}", 1, 1);
            await client.TakeEvents(1);
        }

        // Of 5 events each: those of the first request, which is under way, and 100 that wait.
        var underWay = _receiver.Requests[0].Events.Count;
        await Until.Equal((400L - underWay, 100L + underWay), "dropped and waiting", () => (Metrics(server).TotalWebhooks(WebhookOutcome.QueueFull), Metrics(server).WebhooksWaiting));
        never.SetResult();
    }

    private async Task<RunningServer> Start(Dictionary<string, string?>? settings = null)
    {
        var all = new Dictionary<string, string?>(_receiver.Settings()) { ["Notify:Development:AllowUserParameter"] = "true" };
        foreach (var (setting, value) in settings ?? [])
            all[setting] = value;
        return await RunningServer.StartAsync(all);
    }

    // Not from /metrics, where every server of this process is counted.
    private static NotifyMetrics Metrics(RunningServer server) => server.Services.GetRequiredService<NotifyMetrics>();
}
