using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Limits;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// The front-end's life: attaches once the silo runs, looks after connections every second, follows membership, and on the way down ends the
/// sockets before the web server waits for them.
/// </summary>
internal sealed partial class FrontEndService(
    NotifyFrontEnd frontEnd,
    BeatMonitor beats,
    IClusterMembershipService membership,
    ILocalSiloDetails silo,
    IHostApplicationLifetime lifetime,
    IOptions<LimitOptions> limits,
    TimeProvider time,
    ILogger<FrontEndService> logger) : BackgroundService
{
    // How often channels nobody wants are looked for, in seconds.
    private const int SweepEvery = 5;

    // How often filtered subscriptions are told where their channels are, in seconds (PROTOCOL: at most every 10 s).
    private const int TellPassedEvery = 10;

    /// <inheritdoc />
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        lifetime.ApplicationStopping.Register(() => _ = CloseAll());
        frontEnd.AttachEveryone();
        return base.StartAsync(cancellationToken);
    }

    /// <inheritdoc />
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(LookAfter(stoppingToken), FollowMembership(stoppingToken));

    private async Task LookAfter(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        for (var seconds = 1; ; seconds++)
        {
            try
            {
                if (!await timer.WaitForNextTickAsync(stopping))
                    return;
                frontEnd.LookAfter();
                beats.LookForSilence(frontEnd);
                if (seconds % SweepEvery == 0)
                    frontEnd.Sweep();
                if (seconds % TellPassedEvery == 0)
                    frontEnd.TellPassed();
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogFault(exception);
            }
        }
    }

    private async Task FollowMembership(CancellationToken stopping)
    {
        HashSet<SiloAddress> dead = [];
        try
        {
            await foreach (var snapshot in membership.MembershipUpdates.WithCancellation(stopping))
            {
                foreach (var member in snapshot.Members.Values)
                {
                    if (member.Status == SiloStatus.Dead && dead.Add(member.SiloAddress))
                        beats.HostDied(member.SiloAddress, frontEnd);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private async Task CloseAll()
    {
        try
        {
            var others = membership.CurrentSnapshot.Members.Values.Count(m => m.Status == SiloStatus.Active && !m.SiloAddress.Equals(silo.SiloAddress));
            // Alone: at once, there is nowhere else to go. In a cluster the others get the clients spread out (ARCHITECTURE, graceful stop).
            await frontEnd.CloseAll(others == 0 ? TimeSpan.Zero : Shorter(limits.Value.Drain / 2, TimeSpan.FromSeconds(10)));
        }
        catch (Exception exception)
        {
            LogFault(exception);
        }

        static TimeSpan Shorter(TimeSpan a, TimeSpan b) => a < b ? a : b;
    }

    [LoggerMessage(5040, LogLevel.Error, "A fault while looking after connections.")]
    private partial void LogFault(Exception exception);
}
