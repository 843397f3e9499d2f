using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace OrleansNotify.Grains.Silos;

/// <summary>
/// The grain lives on the silo named in its key (<see cref="SiloAddress.ToParsableString"/>) and nowhere else. A call to a silo that is not
/// active fails with <see cref="SiloUnavailableException"/>.
/// </summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class PinnedToSiloAttribute() : PlacementAttribute(PinnedToSilo.Instance);

/// <summary>See <see cref="PinnedToSiloAttribute"/>. Needs <see cref="PinnedToSiloDirector"/> registered on every silo.</summary>
[GenerateSerializer, Immutable, Alias("notify.PinnedToSilo")]
internal sealed class PinnedToSilo : PlacementStrategy
{
    internal static readonly PinnedToSilo Instance = new();
}

/// <summary>Reads the silo from the grain's key.</summary>
internal sealed class PinnedToSiloDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var key = target.GrainIdentity.Key.ToString() ?? "";
        if (!TryParse(key, out var silo))
            return Task.FromException<SiloAddress>(new ArgumentException($"Grain {target.GrainIdentity} is pinned to a silo, but its key is not a silo address."));
        return Array.IndexOf(context.GetCompatibleSilos(target), silo) >= 0
            ? Task.FromResult(silo)
            : Task.FromException<SiloAddress>(new SiloUnavailableException($"Grain {target.GrainIdentity} is pinned to silo {silo}, which is not active."));
    }

    private static bool TryParse(string key, out SiloAddress silo)
    {
        try
        {
            silo = SiloAddress.FromParsableString(key);
            return true;
        }
        catch (Exception problem) when (problem is FormatException or ArgumentException or OverflowException or IndexOutOfRangeException)
        {
            silo = SiloAddress.Zero;
            return false;
        }
    }
}
