using Microsoft.Extensions.Logging;

namespace OrleansNotify.Grains.Patterns;

/// <summary>
/// Lets no channel live on this silo before it knows all patterns. Who joins asks every front-end that was there before it and stays; those that come later tell it
/// by themselves, because a silo tells all that are active when it has become active itself.
/// </summary>
internal sealed partial class PatternReplica(
    PatternTable table, PatternSilos silos, IGrainFactory grains, IClusterMembershipService membership, ILocalSiloDetails silo, TimeProvider time, ILogger<PatternReplica> logger)
    : ILifecycleParticipant<ISiloLifecycle>
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    private readonly Lock _lock = new();
    private Task? _known;

    /// <inheritdoc />
    /// <remarks>Asks as soon as there is somebody to ask, so that the first channel need not wait for it.</remarks>
    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(nameof(PatternReplica), ServiceLifecycleStage.Active, _ =>
    {
        WhenKnown().Ignore();
        return Task.CompletedTask;
    });

    /// <summary>Completes when all are known.</summary>
    public Task WhenKnown()
    {
        if (_known is { IsCompletedSuccessfully: true } known)
            return known;
        lock (_lock)
            return _known is null or { IsFaulted: true } ? _known = Task.Run(AskAll) : _known;
    }

    private async Task AskAll()
    {
        // Before this silo is active in its own eyes, one that joins with it could be unseen by both.
        await foreach (var snapshot in membership.MembershipUpdates)
        {
            if (snapshot.GetSiloStatus(silo.SiloAddress) is not (SiloStatus.None or SiloStatus.Created or SiloStatus.Joining))
                break;
        }
        await Task.WhenAll(silos.Current.Where(other => !other.Equals(silo.SiloAddress) && !silos.IsLeaving(other)).Select(Ask));
    }

    private async Task Ask(SiloAddress other)
    {
        while (true)
        {
            try
            {
                table.Replace(other, await grains.GetGrain<IPatternsGrain>(other.ToParsableString()).Follow(silo.SiloAddress).AsTask().WaitAsync(Deadline, time));
                return;
            }
            catch (Exception exception)
            {
                LogNotAnswered(other, exception);
                await Task.Delay(Pause, time);
                if (await silos.IsOut(other) || silos.IsLeaving(other))
                    return;
            }
        }
    }

    [LoggerMessage(4002, LogLevel.Debug, "{Silo} did not tell its patterns; asked again until it does, leaves or is dead.")]
    private partial void LogNotAnswered(SiloAddress silo, Exception exception);
}
