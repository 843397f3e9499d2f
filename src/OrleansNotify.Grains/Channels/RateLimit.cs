namespace OrleansNotify.Grains.Channels;

/// <summary>How often something may be done: so many times a second, and one second's worth at once after a pause. Thread-safe.</summary>
/// <param name="perSecond">Times a second, at least 1.</param>
/// <param name="time">Measured on its monotonic clock.</param>
public sealed class RateLimit(int perSecond, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly RateRule _rule = new(perSecond, perSecond, time);
    private double _usedUpTo;

    /// <summary>Takes one; false when there is none for now.</summary>
    public bool TryTake()
    {
        lock (_lock)
            return _rule.TryTake(ref _usedUpTo);
    }
}
