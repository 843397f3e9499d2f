using Microsoft.Extensions.Logging;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>Reads the issuer's key set from where it is published; throws when it cannot be had.</summary>
internal delegate Task<byte[]> ReadJwks(CancellationToken cancellationToken);

/// <summary>
/// The issuer's published keys. A server trusts one issuer and asks one place, so the cache is that place's last set that could be read; the keys in it are
/// found by their ids. It is replaced every <see cref="Period"/>, and when a token names a key that is not in it, however many tokens do:
/// at most once per <see cref="Pause"/>, one request at a time. A failure changes nothing but <see cref="HasFailed"/>.
/// </summary>
/// <param name="read">Where they come from; null: no keys are published, the cache is off.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">The log.</param>
internal sealed partial class JwksCache(ReadJwks? read, TimeProvider time, ILogger<JwksCache> logger)
{
    /// <summary>How often the set is read anew: how long a key can be used that its issuer has withdrawn.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromMinutes(10);

    /// <summary>Between two reads that tokens cause, so that nobody makes us flood the issuer by inventing key ids; and before a failed read is repeated.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(30);

    /// <summary>The same while there are no keys at all: without them nobody gets in.</summary>
    public static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);

    /// <summary>How long the issuer may take.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private volatile Jwks? _keys;
    private volatile bool _failed;
    private Task _reading = Task.CompletedTask;
    private long? _began; // the last read's, by the clock's timestamp

    /// <summary>Whether there is a place to ask.</summary>
    public bool IsOn => read is not null;

    /// <summary>Whether the last read failed.</summary>
    public bool HasFailed => _failed;

    /// <summary>The keys a token may be signed with.</summary>
    /// <param name="algorithm">The token's <c>alg</c>.</param>
    /// <param name="keyId">The token's <c>kid</c>; null: none.</param>
    /// <param name="cancellationToken">Ends this wait, not the read others wait for.</param>
    /// <returns>The keys, and when there are none, whether that is the issuer's last word: false means that it could not be asked.</returns>
    public async ValueTask<(IReadOnlyList<VerificationKey> Keys, bool Available)> Find(string algorithm, string? keyId, CancellationToken cancellationToken)
    {
        if (_keys?.Find(algorithm, keyId) is { Count: > 0 } known)
            return (known, true);
        await Read(onlyIfDue: true).WaitAsync(cancellationToken);
        return (_keys?.Find(algorithm, keyId) ?? [], Available: _keys is not null && !_failed);
    }

    /// <summary>Reads the set now, or waits for the read under way. Never fails: see <see cref="HasFailed"/>.</summary>
    public Task Refresh(CancellationToken cancellationToken) => Read(onlyIfDue: false).WaitAsync(cancellationToken);

    private Task Read(bool onlyIfDue)
    {
        lock (_gate)
        {
            if (read is null || !_reading.IsCompleted)
                return _reading;
            if (onlyIfDue && _began is { } began && time.GetElapsedTime(began) < (_keys is null ? FirstPause : Pause))
                return Task.CompletedTask;
            _began = time.GetTimestamp();
            return _reading = ReadNow(read);
        }
    }

    private async Task ReadNow(ReadJwks source)
    {
        await Task.Yield(); // out of the lock
        try
        {
            using var deadline = new CancellationTokenSource(Timeout, time);
            if (Jwks.TryRead(await source(deadline.Token), out var keys, out var problem))
            {
                _keys = keys;
                _failed = false;
                LogRead(keys.Count);
                return;
            }
            LogUnusable(problem);
        }
        catch (OperationCanceledException)
        {
            LogUnusable($"did not come within {Timeout.TotalSeconds:0} s.");
        }
        catch (Exception exception) // whatever it is: nobody awaits it, and the old keys stay
        {
            LogUnreadable(exception);
        }
        _failed = true;
    }

    [LoggerMessage(6101, LogLevel.Debug, "The issuer's key set was read: {Keys} keys.")]
    private partial void LogRead(int keys);

    [LoggerMessage(6102, LogLevel.Warning, "The issuer's key set {Problem} The keys known so far stay.")]
    private partial void LogUnusable(string problem);

    [LoggerMessage(6103, LogLevel.Warning, "The issuer's key set cannot be read. The keys known so far stay.")]
    private partial void LogUnreadable(Exception exception);
}
