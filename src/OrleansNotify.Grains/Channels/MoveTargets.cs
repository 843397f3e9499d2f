namespace OrleansNotify.Grains.Channels;

/// <summary>
/// The silos channels can move to: active, not this one, and known to host channels. A silo that is a moment old knows the others by membership
/// before it knows what they host, and until then Orleans places nothing there, whatever it is asked: such a silo, told to stop, would lose its channels.
/// Thread-safe.
/// </summary>
/// <param name="others">Reads the active silos but this one.</param>
/// <param name="manifests">What each silo hosts.</param>
/// <param name="time">Measures <see cref="Patience"/>.</param>
internal sealed class MoveTargets(Func<IReadOnlyCollection<SiloAddress>> others, IClusterManifestProvider manifests, TimeProvider time)
{
    /// <summary>How long to wait for the first target to be known, once for all channels. Orleans asks a silo that did not answer again after 5 s.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    private static readonly GrainType Channels = GrainType.Create(ChannelGrain.TypeName);

    private readonly Lock _lock = new();
    private Task? _known;

    /// <summary>The silos that can be moved to now.</summary>
    public IReadOnlyCollection<SiloAddress> Current
    {
        get
        {
            var known = manifests.Current.Silos;
            return [.. others().Where(silo => known.TryGetValue(silo, out var manifest) && manifest.Grains.ContainsKey(Channels))];
        }
    }

    /// <summary>Waits until there is a target, or until there will be none.</summary>
    public Task Known()
    {
        lock (_lock)
            return _known ??= Wait();
    }

    private async Task Wait()
    {
        if (others().Count == 0 || Current.Count > 0)
            return;
        using var deadline = new CancellationTokenSource(Patience, time);
        try
        {
            await foreach (var _ in manifests.Updates.WithCancellation(deadline.Token))
            {
                if (Current.Count > 0)
                    return;
            }
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested)
        {
            // They are active by membership and do not answer: there is nowhere to go.
        }
    }
}
