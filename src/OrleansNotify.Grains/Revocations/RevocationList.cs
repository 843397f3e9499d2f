using System.Text;

namespace OrleansNotify.Grains.Revocations;

/// <summary>Revocations with their versions; those whose end has come are dropped. Not thread-safe.</summary>
public sealed class RevocationList
{
    /// <summary>Most revocations at a time.</summary>
    public const int MaxCount = 10_000;

    /// <summary>Most bytes (UTF-8) of all ids and users together: all are one record of the store, and a record of Azure tables holds 960 KiB, what surrounds each name included.</summary>
    public const int MaxBytes = 384 << 10;

    private readonly Dictionary<(RevocationKind, string), (Revocation Revocation, long Version)> _entries = [];
    private int _bytes;

    /// <summary>Rises with each change.</summary>
    public long Version { get; private set; }

    /// <summary>All of them.</summary>
    public Revocation[] All => [.. _entries.Values.Select(entry => entry.Revocation)];

    /// <summary>Those that came behind a version, in no order.</summary>
    public Revocation[] Since(long version) => [.. _entries.Values.Where(entry => entry.Version > version).Select(entry => entry.Revocation)];

    /// <summary>Whether one more of this name has room.</summary>
    public bool HasRoom(RevocationKind kind, string name) =>
        _entries.ContainsKey((kind, name)) || (_entries.Count < MaxCount && _bytes + Encoding.UTF8.GetByteCount(name) <= MaxBytes);

    /// <summary>Adds one, or lengthens the one that is there.</summary>
    /// <returns>False when it says nothing new.</returns>
    public bool Add(Revocation revocation)
    {
        var key = (revocation.Kind, revocation.Name);
        if (_entries.TryGetValue(key, out var known))
        {
            var both = revocation with { At = Later(known.Revocation.At, revocation.At), Until = Later(known.Revocation.Until, revocation.Until) };
            if (both == known.Revocation)
                return false;
            revocation = both;
        }
        else
        {
            _bytes += Encoding.UTF8.GetByteCount(revocation.Name);
        }
        _entries[key] = (revocation, ++Version);
        return true;
    }

    /// <summary>The revocation of that name, or null.</summary>
    public Revocation? Find(RevocationKind kind, string name) => _entries.TryGetValue((kind, name), out var known) ? known.Revocation : null;

    /// <summary>Drops those whose end has come.</summary>
    public void DropEnded(DateTimeOffset now)
    {
        foreach (var (key, (revocation, _)) in _entries.Where(entry => entry.Value.Revocation.Until <= now).ToArray())
        {
            _entries.Remove(key);
            _bytes -= Encoding.UTF8.GetByteCount(revocation.Name);
        }
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
