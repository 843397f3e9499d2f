using System.Threading.RateLimiting;

namespace OrleansNotify.Grains.Channels;

/// <summary>How fast may be published: a token bucket that holds one second's worth. Thread-safe.</summary>
/// <param name="perSecond">Publications a second, and as many at once after a pause; at least 1.</param>
public sealed class PublishRate(int perSecond) : IDisposable
{
    private readonly TokenBucketRateLimiter _bucket = new(new TokenBucketRateLimiterOptions
    {
        TokenLimit = perSecond,
        TokensPerPeriod = 1,
        ReplenishmentPeriod = TimeSpan.FromSeconds(1) / perSecond,
        QueueLimit = 0,
        AutoReplenishment = false, // that would be a timer for each
    });

    /// <summary>Takes as many as there are, up to a number.</summary>
    /// <returns>How many were taken.</returns>
    public int Take(int wanted)
    {
        _bucket.TryReplenish();
        var taken = 0;
        while (taken < wanted)
        {
            using var lease = _bucket.AttemptAcquire();
            if (!lease.IsAcquired)
                break;
            taken++;
        }
        return taken;
    }

    /// <inheritdoc />
    public void Dispose() => _bucket.Dispose();
}
