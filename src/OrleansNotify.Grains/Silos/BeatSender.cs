using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Grains.Silos;

/// <summary>
/// Sends the beats of this silo, lets leases run out, and drops the attachments of dead front-ends as soon as membership tells. A beat goes the
/// way of publications, so it comes behind everything it tells about.
/// </summary>
internal sealed partial class BeatSender(
    AttachmentTable table,
    IFrontEndStreams streams,
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    IOptions<BeatOptions> options,
    TimeProvider time,
    ILogger<BeatSender> logger) : ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    /// <summary>A lease does not run out before this many beats went unanswered.</summary>
    public const int BeatsPerLease = 5;

    /// <summary>Stages stop from high to low: after the channels have moved or ended, before the streams are drained.</summary>
    public const int Stage = ServiceLifecycleStage.GrainDeactivation - 1;

    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    /// <inheritdoc />
    public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(nameof(BeatSender), Stage, Start, Stop);

    /// <inheritdoc />
    public void Dispose() => _stopping.Dispose();

    private Task Start(CancellationToken cancellationToken)
    {
        _running = Task.WhenAll(Task.Run(SendBeats, CancellationToken.None), Task.Run(FollowMembership, CancellationToken.None));
        return Task.CompletedTask;
    }

    private async Task Stop(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _running.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Beat(); // what has ended here is told at once
    }

    private async Task SendBeats()
    {
        using var timer = new PeriodicTimer(options.Value.Period, time);
        while (true)
        {
            try
            {
                if (!await timer.WaitForNextTickAsync(_stopping.Token))
                    return;
                Beat();
                foreach (var frontEnd in table.DropExpired(options.Value.Lease, BeatsPerLease))
                    LogExpired(frontEnd, options.Value.Lease);
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                LogFault(fault);
            }
        }
    }

    private void Beat()
    {
        foreach (var frontEnd in table.Beat(silo.SiloAddress, streams.TryWrite))
            LogRefused(frontEnd);
    }

    private async Task FollowMembership()
    {
        HashSet<SiloAddress> dead = [];
        try
        {
            await foreach (var snapshot in membership.MembershipUpdates.WithCancellation(_stopping.Token))
            {
                foreach (var member in snapshot.Members.Values)
                {
                    if (member.Status == SiloStatus.Dead && dead.Add(member.SiloAddress))
                        table.Forget(member.SiloAddress);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
        catch (Exception fault)
        {
            LogFault(fault);
        }
    }

    [LoggerMessage(3010, LogLevel.Warning, "Front-end {FrontEnd} has answered no beat for {Lease}; its attachments are dropped.")]
    private partial void LogExpired(SiloAddress frontEnd, TimeSpan lease);

    [LoggerMessage(3011, LogLevel.Debug, "The stream of front-end {FrontEnd} took no beat; the next one will tell the same.")]
    private partial void LogRefused(SiloAddress frontEnd);

    [LoggerMessage(3012, LogLevel.Error, "A fault while sending beats; they go on.")]
    private partial void LogFault(Exception fault);
}
