using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Streaming;

/// <summary>One event of a front-end's stream: publications of one channel, a silo's beat, or a change of a channel's presence. Exactly one of them is set.</summary>
/// <param name="Version">Of this format. A front-end that does not know it ignores the envelope; beats then lead to repair from the grain.</param>
/// <param name="Publications">Set on the way of a publication.</param>
/// <param name="Beat">Set every two seconds by each silo that has channels attached for the front-end.</param>
/// <param name="Presence">Set when somebody comes or goes, for front-ends that watch. A front-end of a version without it ignores it.</param>
[GenerateSerializer, Immutable, Alias("notify.StreamEnvelope")]
public sealed record StreamEnvelope(
    [property: Id(0)] int Version,
    [property: Id(1)] ChannelPublications? Publications,
    [property: Id(2)] Beat? Beat,
    [property: Id(3)] PresenceChange? Presence = null)
{
    /// <summary>What this build writes.</summary>
    public const int CurrentVersion = 1;
}

/// <summary>Consecutive publications of one channel and epoch.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Epoch">Of all of them.</param>
/// <param name="Items">At least one; offsets rise by exactly 1.</param>
[GenerateSerializer, Immutable, Alias("notify.ChannelPublications")]
public sealed record ChannelPublications(
    [property: Id(0)] string Channel,
    [property: Id(1)] ChannelEpoch Epoch,
    [property: Id(2)] Publication[] Items);

/// <summary>What a silo tells a front-end about the front-end's channels that live on the silo.</summary>
/// <param name="From">The silo.</param>
/// <param name="Sequence">1, 2, 3… per silo and front-end.</param>
/// <param name="Changed">Channels whose position changed since the last beat, with the position now.</param>
/// <param name="Ended">Channels whose activation ended here since the last beat: attach again.</param>
/// <param name="Attached">How many channels of this front-end are attached on the silo.</param>
/// <param name="AttachedHash">Combined with <see cref="AttachmentHash"/> over them: when it differs from the front-end's own, both exchange lists.</param>
[GenerateSerializer, Immutable, Alias("notify.Beat")]
public sealed record Beat(
    [property: Id(0)] SiloAddress From,
    [property: Id(1)] long Sequence,
    [property: Id(2)] ChangedChannel[] Changed,
    [property: Id(3)] string[] Ended,
    [property: Id(4)] int Attached,
    [property: Id(5)] ulong AttachedHash);

/// <summary>A channel's position, as a beat tells it.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Position">Its newest position.</param>
/// <param name="PresenceVersion">The version of who is on it; 0 where nobody ever was.</param>
[GenerateSerializer, Immutable, Alias("notify.ChangedChannel")]
public readonly record struct ChangedChannel([property: Id(0)] string Channel, [property: Id(1)] ChannelPosition Position, [property: Id(2)] long PresenceVersion = 0);

/// <summary>Order-free hash over a set of attachments, kept up by adding and removing (XOR).</summary>
public static class AttachmentHash
{
    /// <summary>The part of one attachment: combine by XOR.</summary>
    public static ulong Of(string channel, long number)
    {
        // FNV-1a, 64 bits (draft-eastlake-fnv): the same on every silo and in every process, unlike string.GetHashCode.
        var hash = 14695981039346656037UL;
        foreach (var c in channel)
            hash = (hash ^ c) * 1099511628211UL;
        for (var shift = 0; shift < 64; shift += 8)
            hash = (hash ^ (byte)(number >> shift)) * 1099511628211UL;
        return hash;
    }
}
