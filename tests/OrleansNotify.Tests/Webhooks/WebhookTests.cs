using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.AspNetCore.Webhooks;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Delivery;

namespace OrleansNotify.Tests.Webhooks;

/// <summary>One hook before a real receiver, by a clock that stands still unless a test moves it.</summary>
public sealed class WebhookTests : IAsyncLifetime, IDisposable
{
    // Not the defaults: those a hook would keep that reads no setting.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(7);
    private static readonly TimeSpan TryFor = TimeSpan.FromMinutes(3);

    private readonly PausingTime _time = new();
    private readonly NotifyMetrics _metrics = TestMetrics.Create();
    private readonly RecordedLog _log = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebhookReceiver _receiver = null!;
    private Webhook _hook = null!;
    private Task _running = Task.CompletedTask;

    public async Task InitializeAsync() => _receiver = await WebhookReceiver.StartAsync();

    public async Task DisposeAsync()
    {
        _released.TrySetResult();
        await _stop.CancelAsync();
        _hook?.Complete();
        await _running;
        await _receiver.DisposeAsync();
    }

    public void Dispose()
    {
        _hook?.Dispose();
        _stop.Dispose();
        _log.Dispose();
    }

    [Fact]
    public async Task What_fails_for_now_is_tried_again_with_the_same_id_and_body_and_a_new_signature()
    {
        Answers(503, 408, 429, 200);
        Run(offered: [1, 2]);

        await _time.Pass(IsPause, nth: 1);
        await _time.Pass(IsPause, nth: 2);
        await _time.Pass(IsPause, nth: 3);

        await Until.Equal(2, "delivered", () => Total(WebhookOutcome.Delivered));
        Assert.Equal(4, _receiver.Requests.Count);
        Assert.Equal(["[1,2]"], _receiver.Requests.Select(request => request.Body).Distinct());
        Assert.StartsWith("msg_", Assert.Single(_receiver.Requests.Select(request => request.Id).Distinct()), StringComparison.Ordinal);
        Assert.All(_receiver.Requests, request => Assert.True(request.IsSigned));
        Assert.Equal("application/cloudevents-batch+json; charset=utf-8", _receiver.Requests[0].ContentType);
        Assert.Equal($"{_time.GetUtcNow().ToUnixTimeSeconds()}", _receiver.Requests[^1].Timestamp);
        Assert.NotEqual(_receiver.Requests[0].Signature, _receiver.Requests[^1].Signature);
        Assert.Contains("try 1 failed: the answer was 503; the next one in", Assert.Single(_log.Entries), StringComparison.Ordinal); // once a minute
    }

    [Fact]
    public async Task A_receiver_that_says_when_is_tried_again_then()
    {
        _receiver.Answer = (number, context) =>
        {
            (context.Response.StatusCode, context.Response.Headers.RetryAfter) = number == 1 ? (429, "77") : (200, default);
            return Task.CompletedTask;
        };
        Run();

        Offer(1);
        Assert.Equal(TimeSpan.FromSeconds(77), await _time.Pass(IsPause));

        await Until.Equal(1, "delivered", () => Total(WebhookOutcome.Delivered));
    }

    [Fact]
    public async Task A_receiver_that_does_not_answer_in_time_is_tried_again()
    {
        _receiver.Answer = (number, _) => number == 1 ? _released.Task : Task.CompletedTask;
        Run();

        Offer(1);
        await Until.Equal(1, "requests", () => _receiver.Requests.Count);
        await _time.Pass(wait => wait == Timeout);
        await _time.Pass(IsPause);

        await Until.Equal(1, "delivered", () => Total(WebhookOutcome.Delivered));
        Assert.Equal(["[1]", "[1]"], _receiver.Requests.Select(request => request.Body));
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(302)]
    [InlineData(307)]
    public async Task What_the_receiver_refuses_for_good_is_dropped_and_no_redirect_is_followed(int status)
    {
        _receiver.Answer = (number, context) =>
        {
            if (number == 1)
                (context.Response.StatusCode, context.Response.Headers.Location) = (status, "/elsewhere");
            return Task.CompletedTask;
        };
        Run();

        Offer(1);
        await Until.Equal(1, "refused", () => Total(WebhookOutcome.Refused));
        Offer(2);

        await Until.Equal(1, "delivered", () => Total(WebhookOutcome.Delivered));
        Assert.Equal(["/hook [1]", "/hook [2]"], _receiver.Requests.Select(request => $"{request.Path} {request.Body}"));
        var said = Assert.Single(_log.Entries);
        Assert.Contains($"1 events dropped so far; of the last ones the outcome was Refused. the answer was {status}", said, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_the_last_try_its_events_are_dropped_and_the_next_ones_sent()
    {
        Answers(500, 500, 500, 200);
        Run(settings => settings.Tries = 3, 1, 2);

        await _time.Pass(IsPause, nth: 1);
        await _time.Pass(IsPause, nth: 2);
        await Until.Equal(2, "given up", () => Total(WebhookOutcome.GivenUp));
        Offer(3);

        await Until.Equal(1, "delivered", () => Total(WebhookOutcome.Delivered));
        Assert.Equal(["[1,2]", "[1,2]", "[1,2]", "[3]"], _receiver.Requests.Select(request => request.Body));
    }

    [Fact]
    public async Task Nothing_is_tried_for_longer_than_configured_whatever_the_receiver_asks_for()
    {
        _receiver.Answer = (_, context) =>
        {
            (context.Response.StatusCode, context.Response.Headers.RetryAfter) = (503, "3600");
            return Task.CompletedTask;
        };
        Run();

        Offer(1);
        await Until.Equal(1, "requests", () => _receiver.Requests.Count);
        await _time.Pass(wait => wait == TryFor);

        await Until.Equal(1, "given up", () => Total(WebhookOutcome.GivenUp));
        Assert.Single(_receiver.Requests);
    }

    [Fact]
    public async Task What_waits_goes_together_in_order_and_what_finds_no_room_is_dropped_and_counted()
    {
        _receiver.Answer = (_, _) => _released.Task;
        Run(settings => settings.QueueEvents = 250);

        Offer(0);
        await Until.Equal(1, "requests", () => _receiver.Requests.Count);
        Offer([.. Enumerable.Range(1, 257)]);

        Assert.Equal(7, Total(WebhookOutcome.QueueFull));
        Assert.Contains("Webhook 3 (127.0.0.1:", Assert.Single(_log.Entries), StringComparison.Ordinal);
        _released.SetResult();
        await Until.Equal(251, "delivered", () => Total(WebhookOutcome.Delivered));
        Assert.Equal([1, 100, 100, 50], _receiver.Requests.Select(request => request.Events.Count));
        Assert.Equal(Enumerable.Range(0, 251), _receiver.Events.Select(number => number.GetInt32()));
    }

    [Fact]
    public async Task A_silo_that_stops_sends_what_waits_for_5_s_and_drops_the_rest()
    {
        _receiver.Answer = (number, _) => number < 3 ? Task.CompletedTask : _released.Task;
        var settings = new WebhookOptions { Hooks = { Settings() } };
        using var events = new WebhookEvents(Options.Create(settings), Options.Create(new ClusterOptions { ClusterId = "here" }), _metrics, _time, Logger());
        using var service = new WebhookService(events, _time);
        for (var channel = 0; channel < 250; channel++)
            events.Occupied($"c{channel}");
        await service.StartAsync(default);

        var stopping = service.StopAsync(default);
        await Until.Equal(3, "requests", () => _receiver.Requests.Count);
        Assert.False(stopping.IsCompleted);
        await _time.Pass(wait => wait == WebhookService.Farewell);
        await stopping.WaitAsync(TimeSpan.FromSeconds(10));
        events.Vacated("late");

        Assert.Equal((200, 51), (Total(WebhookOutcome.Delivered), Total(WebhookOutcome.Stopped)));
        Assert.Equal("urn:orleansnotify:here", _receiver.Events[0].GetProperty("source").GetString());
    }

    // What is offered here goes together: it waits before the hook begins to send.
    private void Run(Action<WebhookSettings>? change = null, params int[] offered)
    {
        var settings = Settings();
        change?.Invoke(settings);
        _hook = new Webhook(3, settings, _metrics, _time, Logger());
        Offer(offered);
        _running = _hook.Run(_stop.Token);
    }

    private WebhookSettings Settings() => new() { Url = _receiver.Url, Secret = WebhookReceiver.Secret, Timeout = Timeout, TryFor = TryFor };

    private ILogger<Webhook> Logger() => LoggerFactory.Create(logging => logging.AddProvider(_log)).CreateLogger<Webhook>();

    private void Offer(params int[] numbers)
    {
        foreach (var number in numbers)
            _hook.Offer(Encoding.UTF8.GetBytes($"{number}"));
    }

    private void Answers(params int[] statuses) => _receiver.Answer = (number, context) =>
    {
        context.Response.StatusCode = statuses[number - 1];
        return Task.CompletedTask;
    };

    private int Total(WebhookOutcome outcome) => (int)_metrics.TotalWebhooks(outcome);

    private static bool IsPause(TimeSpan wait) => wait != Timeout && wait != TryFor;
}
