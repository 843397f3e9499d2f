using OrleansNotify.Grains.Revocations;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>What this silo knows of revoked tokens. Thread-safe.</summary>
internal sealed class RevokedTokens
{
    /// <summary>What the client is told.</summary>
    public const string Sentence = "The token was revoked; get a new one.";

    private readonly Lock _lock = new();
    private readonly RevocationList _known = new();
    private bool _areKnown;

    /// <summary>Whether the cluster's have been read once. Until then no token is believed.</summary>
    public bool AreKnown => Volatile.Read(ref _areKnown);

    /// <summary>Rises when there are new ones.</summary>
    public long Version
    {
        get
        {
            lock (_lock)
                return _known.Version;
        }
    }

    /// <summary>All of them.</summary>
    public Revocation[] All
    {
        get
        {
            lock (_lock)
                return _known.All;
        }
    }

    /// <summary>Whether a token is good no more.</summary>
    /// <param name="id">Its <c>jti</c>; null: it has none.</param>
    /// <param name="user">Its <c>sub</c>.</param>
    /// <param name="issued">Its <c>iat</c>; null: it has none, and counts as issued before whatever was revoked.</param>
    public bool Cover(string? id, string user, DateTimeOffset? issued)
    {
        lock (_lock)
        {
            // A claim counts whole seconds: of one issued in the very second of the revocation nobody knows which came first.
            return (id is not null && _known.Find(RevocationKind.Token, id) is not null)
                || (_known.Find(RevocationKind.User, user) is { } all && !(issued > all.At));
        }
    }

    /// <summary>Takes what was read.</summary>
    public void Take(IEnumerable<Revocation> read, DateTimeOffset now)
    {
        lock (_lock)
        {
            foreach (var revocation in read)
                _known.Add(revocation);
            _known.DropEnded(now);
        }
        Volatile.Write(ref _areKnown, true);
    }
}
