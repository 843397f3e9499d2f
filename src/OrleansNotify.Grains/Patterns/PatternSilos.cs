namespace OrleansNotify.Grains.Patterns;

/// <summary>Which silos need not be told of patterns, and have none to tell.</summary>
internal sealed class PatternSilos(IClusterMembershipService membership, IClusterManifestProvider manifests)
{
    private static readonly GrainType Patterns = GrainType.Create(PatternsGrain.TypeName);

    /// <summary>Silos that may host channels, or soon.</summary>
    public IEnumerable<SiloAddress> Current =>
        membership.CurrentSnapshot.Members.Values.Where(m => m.Status is SiloStatus.Active or SiloStatus.ShuttingDown or SiloStatus.Stopping).Select(m => m.SiloAddress);

    /// <summary>Whether membership calls it dead.</summary>
    public bool IsDead(SiloAddress silo) => membership.CurrentSnapshot.GetSiloStatus(silo) == SiloStatus.Dead;

    /// <summary>
    /// Whether it is on its way out. Its clients have gone before (sockets end ahead of the silo), so it wants nothing any more; and nothing is placed on it, so it
    /// cannot be asked. It may itself be waiting, for its channels to be taken over.
    /// </summary>
    public bool IsLeaving(SiloAddress silo) => membership.CurrentSnapshot.GetSiloStatus(silo) is SiloStatus.ShuttingDown or SiloStatus.Stopping;

    /// <summary>Whether there is no use in asking a silo that did not answer once more: it is dead, or of a version that knows no patterns (a rolling upgrade; its channels come to a silo that does).</summary>
    public async Task<bool> IsOut(SiloAddress silo)
    {
        try
        {
            await membership.Refresh();
        }
        catch (Exception)
        {
            return false; // its store is away: what is known may be old, and who asks tries again
        }
        return membership.CurrentSnapshot.GetSiloStatus(silo) is SiloStatus.Dead or SiloStatus.None
            || (manifests.Current.Silos.TryGetValue(silo, out var manifest) && !manifest.Grains.ContainsKey(Patterns));
    }
}
