using Orleans.Concurrency;
using OrleansNotify.Grains.Silos;

namespace OrleansNotify.Grains.Patterns;

/// <summary>See <see cref="IPatternsGrain"/>.</summary>
[GrainType(TypeName), PinnedToSilo, Reentrant]
internal sealed class PatternsGrain(AttachmentTable table, PatternTable known, OwnPatterns own) : Grain, IPatternsGrain
{
    /// <summary>What silos know it by.</summary>
    public const string TypeName = "notify.patterns";

    /// <inheritdoc />
    public ValueTask<bool> Change(SiloAddress frontEnd, long number, string[] added, string[] removed, CancellationToken cancellationToken = default)
    {
        if (!known.Change(frontEnd, number, added, removed))
            return new(false);
        table.Invite(frontEnd, added, hasLess: removed.Length > 0);
        return new(true);
    }

    /// <inheritdoc />
    public ValueTask Replace(SiloAddress frontEnd, FrontEndPatterns patterns, CancellationToken cancellationToken = default)
    {
        known.Replace(frontEnd, patterns);
        table.Invite(frontEnd, patterns.Patterns, hasLess: true);
        return default;
    }

    /// <inheritdoc />
    public ValueTask<FrontEndPatterns> Follow(SiloAddress follower, CancellationToken cancellationToken = default) => new(own.Follow(follower));
}
