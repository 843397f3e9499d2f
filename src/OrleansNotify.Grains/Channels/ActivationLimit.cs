using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace OrleansNotify.Grains.Channels;

/// <summary>How many channels may come to life.</summary>
public sealed class ActivationOptions
{
    /// <summary>On one silo a second, and as many at once after a pause. Default 0: any number. The server sets it by <c>Notify:Limits:ActivationsPerSecond</c>.</summary>
    public int PerSecond { get; set; }
}

/// <summary>
/// How many channels may come to life on this silo: each takes its place in memory for minutes, and whoever may name channels can name ever new ones. A channel that
/// moves here lives already and is not counted. Thread-safe.
/// </summary>
internal sealed partial class ActivationLimit(IOptions<ActivationOptions> options, TimeProvider time, ILogger<ActivationLimit> logger)
{
    private static readonly TimeSpan LogPause = TimeSpan.FromMinutes(1);

    private readonly RateLimit? _rate = options.Value.PerSecond > 0 ? new RateLimit(options.Value.PerSecond, time) : null;
    private long _refused;
    private long _loggedAt;

    /// <summary>How often one was refused; who asks again is counted again.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Counts a channel; false: it may not live now.</summary>
    public bool TryTake()
    {
        if (_rate?.TryTake() != false)
            return true;
        var refused = Interlocked.Increment(ref _refused);
        var (now, last) = (time.GetTimestamp(), Interlocked.Read(ref _loggedAt));
        if ((refused == 1 || time.GetElapsedTime(last, now) >= LogPause) && Interlocked.CompareExchange(ref _loggedAt, now, last) == last)
            LogRefused(options.Value.PerSecond, refused);
        return false;
    }

    [LoggerMessage(2020, LogLevel.Warning, "More than {PerSecond} channels a second were to come to life (Notify:Limits:ActivationsPerSecond): refused so far {Refused} times; publishers and subscribers try again.")]
    private partial void LogRefused(int perSecond, long refused);
}
