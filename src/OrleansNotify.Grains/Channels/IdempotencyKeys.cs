namespace OrleansNotify.Grains.Channels;

/// <summary>
/// What was published under which idempotency key, for the channel's last keys of the last minutes (PROMISES P5). A repeat does not make a key younger.
/// Not thread-safe: the channel's grain is its only user.
/// </summary>
/// <param name="limit">At most this many keys.</param>
/// <param name="ttl">None older than this.</param>
/// <param name="time">Ages are measured on its monotonic clock.</param>
internal sealed class IdempotencyKeys(int limit, TimeSpan ttl, TimeProvider time)
{
    private readonly Dictionary<string, Known> _known = new(StringComparer.Ordinal);
    private readonly Queue<string> _byAge = new();
    private long _newestAt;

    /// <summary>How many are known, counting those that have aged out since the last call.</summary>
    public int Count => _known.Count;

    /// <summary>How long from now until the newest key is forgotten; zero when none is known.</summary>
    public TimeSpan TimeLeft
    {
        get
        {
            var left = Count == 0 ? TimeSpan.Zero : ttl - time.GetElapsedTime(_newestAt);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>Offset of the oldest publication whose key is known; <see cref="ulong.MaxValue"/> when none is.</summary>
    public ulong OldestOffset
    {
        get
        {
            Forget(time.GetTimestamp());
            return _byAge.TryPeek(out var oldest) ? _known[oldest].Offset : ulong.MaxValue;
        }
    }

    /// <summary>Looks whether a key is known.</summary>
    /// <param name="key">The key.</param>
    /// <param name="now">Now, as a timestamp.</param>
    /// <param name="known">What was published under it.</param>
    public bool TryFind(string key, long now, out Known known)
    {
        Forget(now);
        return _known.TryGetValue(key, out known);
    }

    /// <summary>Notes what was published under a key that <see cref="TryFind"/> did not find.</summary>
    public void Add(string key, Known known)
    {
        if (_known.Count == limit)
            _known.Remove(_byAge.Dequeue());
        _known.Add(key, known);
        _byAge.Enqueue(key);
        _newestAt = known.At;
    }

    /// <summary>All that are known with their ages, oldest first.</summary>
    public IEnumerable<(string Key, Known Known, TimeSpan Age)> Save()
    {
        var now = time.GetTimestamp();
        Forget(now);
        foreach (var key in _byAge)
            yield return (key, _known[key], time.GetElapsedTime(_known[key].At, now));
    }

    private void Forget(long now)
    {
        while (_byAge.TryPeek(out var oldest) && time.GetElapsedTime(_known[oldest].At, now) >= ttl)
            _known.Remove(_byAge.Dequeue());
    }

    /// <summary>What was published under a key.</summary>
    /// <param name="Fingerprint">Of the content.</param>
    /// <param name="Id">The publication's.</param>
    /// <param name="Offset">The publication's, in the channel's present epoch.</param>
    /// <param name="At">When, as a timestamp.</param>
    internal readonly record struct Known(UInt128 Fingerprint, string Id, ulong Offset, long At);
}
