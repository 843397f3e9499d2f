namespace OrleansNotify.Grains.Channels;

/// <summary>
/// How fast may be published: so many a second, and one second's worth at once after a pause. Thread-safe. The generic cell rate algorithm (ITU-T I.371): one
/// number, exact. Not System.Threading.RateLimiting's token bucket: without a timer of its own, which each channel would need, a bucket that rested full
/// gives its content twice.
/// </summary>
/// <param name="perSecond">Publications a second, at least 1.</param>
/// <param name="time">Measured on its monotonic clock.</param>
public sealed class PublishRate(int perSecond, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly long _since = time.GetTimestamp();
    private readonly double _each = (double)time.TimestampFrequency / perSecond;
    private double _usedUpTo; // by when all that was taken would have come one by one

    /// <summary>Takes one; false when there is none for now.</summary>
    public bool TryTake()
    {
        var now = time.GetTimestamp() - _since;
        lock (_lock)
        {
            var next = Math.Max(_usedUpTo, now) + _each;
            if (next - now > time.TimestampFrequency + 0.5) // a second, and half a tick for rounding
                return false;
            _usedUpTo = next;
            return true;
        }
    }
}
