using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels.Durable;

// What a durable channel keeps in grain storage: one head and a chain of segments, each a record of its own. Plain properties: any serialiser of a
// storage provider can keep them. Names and ids are forever.

/// <summary>Where the chain of segments begins and about where it ends. A hint: the segments themselves say what is true.</summary>
[GenerateSerializer, Alias("notify.LogHead")]
internal sealed class LogHead
{
    /// <summary>The oldest segment that is still there.</summary>
    [Id(0)]
    public long First { get; set; } = 1;

    /// <summary>A segment that is there; none after it may exist, or a few.</summary>
    [Id(1)]
    public long Last { get; set; } = 1;
}

/// <summary>A stretch of the log. The last one, the tail, is appended to by compare-and-swap; the others are sealed and never change.</summary>
[GenerateSerializer, Alias("notify.LogSegment")]
internal sealed class LogSegment
{
    /// <summary>1, 2, 3… along the chain.</summary>
    [Id(0)]
    public long Number { get; set; }

    /// <summary>Raised by every activation that opens the log, in the tail: whoever holds the tail as it was before can no longer append.</summary>
    [Id(1)]
    public long Generation { get; set; }

    /// <summary>The epoch of its publications, as on the wire.</summary>
    [Id(2)]
    public string Epoch { get; set; } = "";

    /// <summary>Whether the next segment may exist.</summary>
    [Id(3)]
    public bool IsSealed { get; set; }

    /// <summary>The offset before its first publication.</summary>
    [Id(4)]
    public ulong Before { get; set; }

    /// <summary>The offset of its newest publication, or <see cref="Before"/>.</summary>
    [Id(5)]
    public ulong Last { get; set; }

    /// <summary>History up to this offset has been erased.</summary>
    [Id(6)]
    public ulong Erased { get; set; }

    /// <summary>Commit after commit: the length (4 bytes, little-endian) and that many bytes of an Orleans-serialised <see cref="LogEntry"/>[].</summary>
    [Id(7)]
    public byte[] Entries { get; set; } = [];

    /// <summary>A copy; the bytes are shared and never changed in place.</summary>
    public LogSegment Copy() => (LogSegment)MemberwiseClone();
}

/// <summary>A publication and the idempotency key it came with.</summary>
/// <param name="Publication">The publication.</param>
/// <param name="Key">Its idempotency key, or null.</param>
/// <param name="FingerprintHigh">Upper half of the fingerprint that goes with the key.</param>
/// <param name="FingerprintLow">Lower half.</param>
[GenerateSerializer, Immutable, Alias("notify.LogEntry")]
internal readonly record struct LogEntry(
    [property: Id(0)] Publication Publication,
    [property: Id(1)] string? Key,
    [property: Id(2)] ulong FingerprintHigh,
    [property: Id(3)] ulong FingerprintLow);
