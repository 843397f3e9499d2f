namespace OrleansNotify.Grains.Channels;

/// <summary>
/// How often something may be done: so many times at once, and so many more a second. The generic cell rate algorithm (ITU-T I.371): one number for each
/// that is limited, exact. Not System.Threading.RateLimiting's token bucket: that is 200 bytes for each of a connection's kinds of command, and
/// without a timer of its own a bucket that rested full gives its content twice.
/// </summary>
/// <param name="perSecond">Times a second, at least 1.</param>
/// <param name="burst">Times at once after a pause, at least 1.</param>
/// <param name="time">Measured on its monotonic clock.</param>
public sealed class RateRule(int perSecond, int burst, TimeProvider time)
{
    private readonly long _since = time.GetTimestamp();
    private readonly double _each = (double)time.TimestampFrequency / perSecond;

    /// <summary>Takes one; false when there is none for now.</summary>
    /// <param name="usedUpTo">Kept for whoever is limited, 0 at first: by when all that was taken would have come one by one. Not thread-safe.</param>
    public bool TryTake(ref double usedUpTo)
    {
        var now = time.GetTimestamp() - _since;
        var next = Math.Max(usedUpTo, now) + _each;
        if (next - now > (burst * _each) + 0.5) // half a tick for rounding
            return false;
        usedUpTo = next;
        return true;
    }
}
