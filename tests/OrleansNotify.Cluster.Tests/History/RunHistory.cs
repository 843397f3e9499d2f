using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>Everything that was seen in a run: what the checker judges.</summary>
public sealed class RunHistory
{
    /// <summary>Every channel that was used, and what its class promises.</summary>
    public required IReadOnlyDictionary<string, ChannelPromise> Channels { get; init; }

    /// <summary>Every attempt, in any order.</summary>
    public required IReadOnlyList<PublishAttempt> Attempts { get; init; }

    /// <summary>One log per client and channel.</summary>
    public required IReadOnlyList<SubscriberLog> Logs { get; init; }

    /// <summary>What the channels' history held after the run; a channel that was not read is absent.</summary>
    public IReadOnlyDictionary<string, FinalHistory> Final { get; init; } = new Dictionary<string, FinalHistory>();

    /// <summary>When something was broken, and what.</summary>
    public IReadOnlyList<Fault> Faults { get; init; } = [];

    /// <summary>A position at most so many publications old can be recovered from.</summary>
    public ulong RecoveryWindow { get; init; } = 100;
}

/// <summary>What an acknowledgement on a channel promises (PROMISES, channel classes).</summary>
public enum ChannelPromise
{
    /// <summary>May go with its silo, under a new epoch that every client is told.</summary>
    Recoverable,

    /// <summary>Never lost, never renumbered.</summary>
    Durable,
}

/// <summary>A channel's history, read after the run.</summary>
/// <param name="Top">The channel's position.</param>
/// <param name="Kept">Payload hash by offset of all that is kept, in the epoch of <paramref name="Top"/>.</param>
public sealed record FinalHistory(ChannelPosition Top, IReadOnlyDictionary<ulong, ulong> Kept);

/// <summary>Something that was done to the cluster.</summary>
/// <param name="At">Since the run began.</param>
/// <param name="What">For people.</param>
public sealed record Fault(TimeSpan At, string What);
