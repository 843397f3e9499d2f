using Microsoft.Extensions.Logging;

namespace OrleansNotify.Grains.Silos;

/// <summary>
/// Knows whether this silo may speak for its channels. One that has stood still (halted, swapped out, starved) may have been declared dead meanwhile, and its
/// channels may live elsewhere: what it numbered now would be acknowledged, and lost. Until it has read that it is still a member, it accepts nothing.
/// </summary>
internal sealed partial class SiloPulse : IDisposable
{
    /// <summary>How often it looks at the time: seldom, because a thread that wakes up looks for more work for a while (a hundredth of a core at ten times a second).</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMilliseconds(500);

    /// <summary>A silo that stood still this long is in doubt (ARCHITECTURE, Failure semantics): half of what it takes to be declared dead.</summary>
    public static readonly TimeSpan MaxPause = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(5);

    private readonly Func<CancellationToken, Task<SiloStatus>> _readStatus;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private long _lastTick;
    private volatile bool _isInDoubt;
    private int _reading;

    /// <summary>Starts to look.</summary>
    /// <param name="readStatus">Reads the membership table, and says what it says of this silo.</param>
    /// <param name="time">The machine's own clock, whatever the rest goes by.</param>
    /// <param name="logger">Is told.</param>
    public SiloPulse(Func<CancellationToken, Task<SiloStatus>> readStatus, TimeProvider time, ILogger<SiloPulse> logger)
    {
        (_readStatus, _time, _logger, _lastTick) = (readStatus, time, logger, time.GetTimestamp());
        _timer = time.CreateTimer(static pulse => ((SiloPulse)pulse!).Tick(), this, Period, Period);
    }

    /// <summary>Whether it may. Also right in the first moment after it stood still, before anything else has run.</summary>
    public bool IsCertain => !_isInDoubt && !IsLate;

    private bool IsLate => _time.GetElapsedTime(Volatile.Read(ref _lastTick)) > MaxPause;

    /// <inheritdoc />
    public void Dispose() => _timer.Dispose();

    private void Tick()
    {
        if (IsLate)
        {
            LogStoodStill(_time.GetElapsedTime(Volatile.Read(ref _lastTick)));
            _isInDoubt = true; // before the tick shows
        }
        Volatile.Write(ref _lastTick, _time.GetTimestamp());
        if (_isInDoubt && Interlocked.Exchange(ref _reading, 1) == 0)
            _ = Read();
    }

    private async Task Read()
    {
        try
        {
            using var limit = new CancellationTokenSource(ReadTimeout, _time);
            var began = _time.GetTimestamp();
            var status = await _readStatus(limit.Token).ConfigureAwait(false);
            // What was read before another pause says nothing.
            if (status == SiloStatus.Active && _time.GetElapsedTime(began) <= MaxPause)
                _isInDoubt = false;
        }
        catch (Exception exception)
        {
            LogNotRead(exception);
        }
        finally
        {
            Volatile.Write(ref _reading, 0); // the next tick tries again
        }
    }

    [LoggerMessage(3020, LogLevel.Warning, "This silo stood still for {Pause}: it accepts no publications until it has read that it is still a member of its cluster.")]
    private partial void LogStoodStill(TimeSpan pause);

    [LoggerMessage(3021, LogLevel.Warning, "The membership table could not be read; it is tried again.")]
    private partial void LogNotRead(Exception exception);
}
