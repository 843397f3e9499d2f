using Orleans.Storage;

namespace OrleansNotify.Testing.Conformance;

/// <summary>Opens a grain storage as a silo's start does, without a silo.</summary>
public static class StorageLifecycle
{
    /// <summary>Runs whatever the storage does at start.</summary>
    public static async Task<IGrainStorage> Open(IGrainStorage storage, CancellationToken cancellationToken = default)
    {
        var stages = new Stages();
        (storage as ILifecycleParticipant<ISiloLifecycle>)?.Participate(stages);
        foreach (var (_, observer) in stages.Observers.OrderBy(entry => entry.Stage))
            await observer.OnStart(cancellationToken);
        return storage;
    }

    private sealed class Stages : ISiloLifecycle
    {
        public List<(int Stage, ILifecycleObserver Observer)> Observers { get; } = [];

        public int HighestCompletedStage => int.MinValue;

        public int LowestStoppedStage => int.MaxValue;

        public IDisposable Subscribe(string observerName, int stage, ILifecycleObserver observer)
        {
            Observers.Add((stage, observer));
            return Nothing.Instance;
        }
    }

    private sealed class Nothing : IDisposable
    {
        public static readonly Nothing Instance = new();

        public void Dispose()
        {
        }
    }
}
