using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Protocol;
using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>
/// One hook of this silo: what it wants, what waits for it, and the loop that sends it. One request at a time keeps its events in order; lest that be slow, a request carries
/// all that wait, up to <see cref="MaxBatch"/>.
/// </summary>
internal sealed partial class Webhook : IDisposable
{
    /// <summary>Most events of one request: about 50 KiB, what receivers take without being asked.</summary>
    public const int MaxBatch = 100;

    private static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(1);

    // However many tries fail and events are dropped, the log says it this often.
    private static readonly TimeSpan LogPause = TimeSpan.FromMinutes(1);

    private readonly Uri _url;
    private readonly byte[] _secret;
    private readonly bool[] _wants;
    private readonly ChannelGrants _channels;
    private readonly Channel<byte[]> _queue;
    private readonly ResiliencePipeline<HttpResponseMessage> _tries;
    private readonly HttpClient _client;
    private readonly NotifyMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly int _number;
    private volatile bool _isComplete;
    private long _dropped;
    private long _saidDropped;
    private long _saidFailed;

    /// <summary>With checked settings.</summary>
    public Webhook(int number, WebhookSettings settings, NotifyMetrics metrics, TimeProvider time, ILogger<Webhook> logger)
    {
        (_number, _metrics, _time, _logger) = (number, metrics, time, logger);
        _url = new Uri(settings.Url);
        _secret = WebhookSignature.TryReadSecret(settings.Secret, out var secret) ? secret : throw new ArgumentException("Not checked.", nameof(settings));
        _wants = [.. Enum.GetValues<WebhookEventKind>().Select(kind => settings.Events.Length == 0 || settings.Events.Contains(WebhookEvent.Names[(int)kind], StringComparer.Ordinal))];
        _channels = settings.Channels.Length == 0 ? ChannelGrants.Everything
            : ChannelGrants.TryRead(settings.Channels, out var read, out _) ? read : ChannelGrants.Nothing;
        _queue = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(settings.QueueEvents) { SingleReader = true });
        _client = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false, // it could lead from https to http, or into a network that only we can reach
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5), // DNS is asked again
        })
        {
            Timeout = System.Threading.Timeout.InfiniteTimeSpan, // each try has its own, by our clock
        };
        _tries = Tries(settings, time);
    }

    /// <summary>Whether it is to be told of this.</summary>
    /// <param name="kind">What has happened.</param>
    /// <param name="channel">To which channel or pattern; null: to none.</param>
    public bool Wants(WebhookEventKind kind, string? channel) => _wants[(int)kind] && (channel is null || Covers(channel));

    /// <summary>Has an event sent, if there is room for it. Never waits.</summary>
    public void Offer(byte[] encoded)
    {
        _metrics.WebhookWaits(1); // before somebody counts it out
        if (!_queue.Writer.TryWrite(encoded))
            Ended(1, _isComplete ? WebhookOutcome.Stopped : WebhookOutcome.QueueFull);
    }

    /// <summary>Takes no more events: <see cref="Run"/> ends once those that wait are sent.</summary>
    public void Complete()
    {
        _isComplete = true;
        _queue.Writer.TryComplete();
    }

    /// <summary>Sends what is offered.</summary>
    /// <param name="cancellationToken">Drops what waits and ends.</param>
    public async Task Run(CancellationToken cancellationToken)
    {
        List<byte[]> batch = new(MaxBatch);
        while (await _queue.Reader.WaitToReadAsync(CancellationToken.None))
        {
            while (batch.Count < MaxBatch && _queue.Reader.TryRead(out var encoded))
                batch.Add(encoded);
            if (cancellationToken.IsCancellationRequested)
                Ended(batch.Count, WebhookOutcome.Stopped);
            else
                await Send(batch, cancellationToken);
            batch.Clear();
        }
    }

    /// <inheritdoc />
    public void Dispose() => _client.Dispose();

    private bool Covers(string channel) =>
        ChannelPattern.IsMeant(channel)
            ? ChannelPattern.TryParse(channel, out var pattern) && _channels.Cover(pattern)
            : !ChannelName.IsUnlisted(channel) && _channels.Cover(channel);

    private async Task Send(List<byte[]> batch, CancellationToken cancellationToken)
    {
        var id = $"msg_{Guid.CreateVersion7(_time.GetUtcNow()):N}";
        byte[] body = [(byte)'[', .. batch.SelectMany((encoded, i) => i == 0 ? encoded : [(byte)',', .. encoded]), (byte)']'];
        try
        {
            using var response = await _tries.ExecuteAsync(async token => await Try(id, body, token), cancellationToken);
            if (response.IsSuccessStatusCode)
                Ended(batch.Count, WebhookOutcome.Delivered);
            else
                Ended(batch.Count, IsPassing(response.StatusCode) ? WebhookOutcome.GivenUp : WebhookOutcome.Refused, Describe(response));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Ended(batch.Count, WebhookOutcome.Stopped);
        }
        catch (Exception exception) // whatever it is: the next ones are tried
        {
            Ended(batch.Count, WebhookOutcome.GivenUp, exception.Message);
        }
    }

    private async Task<HttpResponseMessage> Try(string id, byte[] body, CancellationToken cancellationToken)
    {
        var timestamp = _time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, _url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/cloudevents-batch+json", "utf-8");
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", WebhookSignature.Of(_secret, id, timestamp, body));
        return await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken); // nobody reads the answer's body
    }

    private ResiliencePipeline<HttpResponseMessage> Tries(WebhookSettings settings, TimeProvider time)
    {
        var pipeline = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }.AddTimeout(settings.TryFor);
        if (settings.Tries > 1)
        {
            pipeline.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = settings.Tries - 1,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true, // all silos of a cluster find a receiver down at once
                Delay = FirstPause,
                MaxDelay = LongestPause,
                ShouldHandle = tried => new(tried.Outcome.Result is { } answer ? IsPassing(answer.StatusCode) : tried.Outcome.Exception is HttpRequestException or TimeoutRejectedException),
                DelayGenerator = tried => new(RetryAfter(tried.Outcome.Result)),
                OnRetry = tried =>
                {
                    if (IsDue(ref _saidFailed))
                        LogFailed(_number, _url.Authority, tried.AttemptNumber + 1, tried.Outcome.Exception?.Message ?? Describe(tried.Outcome.Result!), tried.RetryDelay);
                    return default;
                },
            });
        }
        return pipeline.AddTimeout(settings.Timeout).Build();
    }

    private static bool IsPassing(HttpStatusCode code) => code is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError;

    // Null: as the back-off says.
    private TimeSpan? RetryAfter(HttpResponseMessage? answer) => answer?.Headers.RetryAfter switch
    {
        { Delta: { } pause } => pause,
        { Date: { } date } => date - _time.GetUtcNow(),
        _ => null,
    };

    private static string Describe(HttpResponseMessage answer) => $"the answer was {(int)answer.StatusCode}";

    private void Ended(int count, WebhookOutcome outcome, string? why = null)
    {
        _metrics.WebhookWaits(-count);
        _metrics.Webhook(outcome, count);
        if (outcome == WebhookOutcome.Delivered)
            return;
        var dropped = Interlocked.Add(ref _dropped, count);
        if (IsDue(ref _saidDropped))
            LogDropped(_number, _url.Authority, dropped, outcome, why);
    }

    private bool IsDue(ref long said)
    {
        var (now, last) = (_time.GetTimestamp(), Volatile.Read(ref said));
        return (last == 0 || _time.GetElapsedTime(last, now) >= LogPause) && Interlocked.CompareExchange(ref said, now, last) == last;
    }

    // The address no further than its host: what stands behind may be a secret.
    [LoggerMessage(5070, LogLevel.Warning, "Webhook {Hook} ({Host}): {Dropped} events dropped so far; of the last ones the outcome was {Outcome}. {Why}")]
    private partial void LogDropped(int hook, string host, long dropped, WebhookOutcome outcome, string? why);

    [LoggerMessage(5071, LogLevel.Warning, "Webhook {Hook} ({Host}): try {Try} failed: {Why}; the next one in {Pause}.")]
    private partial void LogFailed(int hook, string host, int @try, string why, TimeSpan pause);
}
