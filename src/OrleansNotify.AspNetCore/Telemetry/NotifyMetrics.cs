using System.Diagnostics.Metrics;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.AspNetCore.Webhooks;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Telemetry;

/// <summary>The instruments of meter <c>OrleansNotify</c>. Labels come from closed sets, never from channel or user names.</summary>
public sealed class NotifyMetrics
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "OrleansNotify";

    // From a tenth of a millisecond (one silo, quiet) to what a repaired gap takes.
    private static readonly double[] LatencyBounds =
        [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

    // Counted by hand and observed when somebody reads the metrics: an Add of an instrument walks its listeners at every call.
    private readonly StripedCounter _published = new();
    private readonly StripedCounter _delivered = new();
    private readonly StripedCounter _encoded = new();
    private readonly Dictionary<DisconnectCode, Counted> _closes = CountedPerValue<DisconnectCode>();
    private readonly Dictionary<NotifyError, Counted> _errors = CountedPerValue<NotifyError>();
    private readonly Dictionary<PublishRefusal, Counted> _refusals = CountedPerValue<PublishRefusal>();
    private readonly Dictionary<WebhookOutcome, Counted> _webhooks = CountedPerValue<WebhookOutcome>();
    private readonly Dictionary<TokenRefusalReason, Counted> _tokenRefusals = CountedPerValue<TokenRefusalReason>();
    private readonly Histogram<double> _publishToWritten;
    private long _gapsRepaired;
    private long _gapsTold;
    private long _epochsTold;
    private long _outboxBytes;
    private long _webhooksWaiting;

    /// <summary>Creates the instruments.</summary>
    public NotifyMetrics(IMeterFactory meters, SubscriptionCounts counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        var meter = meters.Create(MeterName);
        meter.CreateObservableUpDownCounter("notify.connections", () => counts.Connections, "{connection}", "Connections of this silo now.");
        meter.CreateObservableUpDownCounter("notify.subscriptions", () => counts.Subscriptions, "{subscription}", "Subscriptions of this silo now.");
        meter.CreateObservableCounter("notify.publications", () => TotalPublished, "{publication}", "Publications accepted from a publisher by this silo.");
        meter.CreateObservableCounter("notify.deliveries", () => TotalDelivered, "{delivery}", "Publications handed to sockets.");
        meter.CreateObservableCounter("notify.encodes", () => TotalEncoded, "{frame}", "Event frames encoded: one per publication and encoding, however many get it.");
        meter.CreateObservableUpDownCounter("notify.outbox.size", () => Volatile.Read(ref _outboxBytes), "By", "Bytes waiting in all outboxes, counted once a second.");
        meter.CreateObservableCounter("notify.gaps.repaired", () => Volatile.Read(ref _gapsRepaired), "{gap}", "Holes in a channel's offsets that were filled from its grain.");
        meter.CreateObservableCounter("notify.gaps.told", () => Volatile.Read(ref _gapsTold), "{gap}", "Holes that could not be filled; the clients were told.");
        meter.CreateObservableCounter("notify.epochs.told", () => Volatile.Read(ref _epochsTold), "{epoch}", "New epochs that clients were told of.");
        meter.CreateObservableCounter("notify.closes", () => Observe(_closes, "code", code => (int)code), "{connection}", "Connections ended by the server, by close code; 3008 is slow.");
        meter.CreateObservableCounter("notify.errors", () => Observe(_errors, "code", code => (int)code), "{reply}", "Error replies to clients, by code.");
        meter.CreateObservableCounter("notify.refusals", () => Observe(_refusals, "reason", refusal => refusal.ToString()), "{publication}", "Publications not published, by reason.");
        meter.CreateObservableCounter("notify.webhooks", () => Observe(_webhooks, "outcome", outcome => outcome.ToString()), "{event}", "Webhook events of this silo, by what became of them; all but Delivered were dropped.");
        meter.CreateObservableUpDownCounter("notify.webhooks.waiting", () => Volatile.Read(ref _webhooksWaiting), "{event}", "Webhook events that wait, those under way included.");
        meter.CreateObservableCounter("notify.token_refusals", () => Observe(_tokenRefusals, "reason", reason => reason.ToString()), "{token}", "Tokens refused, by reason; KeysUnavailable is ours to mend.");
        _publishToWritten = meter.CreateHistogram(
            "notify.publish_to_written.duration",
            "s",
            "From a publication's acceptance by its channel to its last socket write on this silo; of a batch the newest.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = LatencyBounds });
    }

    /// <summary>Publications handed to sockets since the process started.</summary>
    public long TotalDelivered => _delivered.Sum();

    /// <summary>Publications accepted by this process since it started.</summary>
    public long TotalPublished => _published.Sum();

    /// <summary>Frames encoded since the process started.</summary>
    public long TotalEncoded => _encoded.Sum();

    /// <summary>Webhook events that came to this end since the process started.</summary>
    internal long TotalWebhooks(WebhookOutcome outcome) => Volatile.Read(ref _webhooks[outcome].Count);

    /// <summary>Webhook events that wait, those under way included.</summary>
    internal long WebhooksWaiting => Volatile.Read(ref _webhooksWaiting);

    /// <summary>Publications accepted from a publisher by this process.</summary>
    public void Published(int count) => _published.Add(count);

    /// <summary>Event frames handed to sockets. Called once per written batch, not per frame.</summary>
    public void Delivered(int count) => _delivered.Add(count);

    /// <summary>Frames encoded: with any number of subscribers one per publication and encoding.</summary>
    public void Encoded(int count) => _encoded.Add(count);

    /// <summary>From the grain's acceptance to the last local socket write of a publication.</summary>
    public void PublishToWritten(TimeSpan elapsed) => _publishToWritten.Record(Math.Max(0, elapsed.TotalSeconds)); // two silos' clocks can differ

    /// <summary>A hole in a channel's offsets was filled from the grain.</summary>
    public void GapRepaired() => Interlocked.Increment(ref _gapsRepaired);

    /// <summary>A hole could not be filled; the clients were told.</summary>
    public void GapTold() => Interlocked.Increment(ref _gapsTold);

    /// <summary>A channel began a new epoch; the clients were told.</summary>
    public void EpochTold() => Interlocked.Increment(ref _epochsTold);

    /// <summary>A connection was ended by the server.</summary>
    public void Closed(DisconnectCode code) => Count(_closes, code);

    /// <summary>An <c>error</c> reply was sent.</summary>
    public void Error(NotifyError code) => Count(_errors, code);

    /// <summary>A draft was not published.</summary>
    public void Refused(PublishRefusal refusal) => Count(_refusals, refusal);

    /// <summary>Events of a webhook have come to an end.</summary>
    internal void Webhook(WebhookOutcome outcome, int events) => Count(_webhooks, outcome, events);

    /// <summary>Events of a webhook wait; negative: they do so no longer.</summary>
    internal void WebhookWaits(int events) => Interlocked.Add(ref _webhooksWaiting, events);
    /// <summary>A token was presented and refused; a token that ends or is revoked later is none of these.</summary>
    internal void TokenRefused(TokenRefusalReason reason) => Count(_tokenRefusals, reason);

    /// <summary>Bytes waiting in all outboxes, as counted once a second.</summary>
    public void OutboxBytes(long total) => Volatile.Write(ref _outboxBytes, total);

    // Only values that have a name are counted: the set of labels is closed.
    private static void Count<T>(Dictionary<T, Counted> counts, T value, int by = 1)
        where T : struct, Enum
    {
        if (counts.TryGetValue(value, out var counted))
            Interlocked.Add(ref counted.Count, by);
    }

    private static Dictionary<T, Counted> CountedPerValue<T>()
        where T : struct, Enum => Enum.GetValues<T>().ToDictionary(value => value, _ => new Counted());

    private static IEnumerable<Measurement<long>> Observe<T>(Dictionary<T, Counted> counts, string label, Func<T, object> show)
        where T : struct, Enum
    {
        foreach (var (value, counted) in counts)
        {
            var count = Volatile.Read(ref counted.Count);
            if (count > 0)
                yield return new Measurement<long>(count, new KeyValuePair<string, object?>(label, show(value)));
        }
    }

    private sealed class Counted
    {
        public long Count;
    }
}
