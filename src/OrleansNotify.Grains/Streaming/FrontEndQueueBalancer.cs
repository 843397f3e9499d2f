using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Streams;

namespace OrleansNotify.Grains.Streaming;

/// <summary>
/// Tells Orleans which queues this silo pulls from: all of its own and no other's, so nothing ever moves between silos. Follows membership.
/// </summary>
internal sealed partial class FrontEndQueueBalancer(
    FrontEndQueues queues, IClusterMembershipService membership, IServiceProvider services, TimeProvider time, ILogger<FrontEndQueueBalancer> logger)
    : IStreamQueueMapper, IStreamQueueBalancer, ILifecycleParticipant<ISiloLifecycle>, IDisposable
{
    // Behind the provider's own initialisation, before its agents start and before any grain runs.
    private const int Stage = StreamLifecycleOptions.DEFAULT_INIT_STAGE + 1;

    private static readonly TimeSpan RefreshAtMost = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _gate = new();
    private IStreamQueueBalanceListener[] _listeners = [];
    private Task _watching = Task.CompletedTask;
    private long _refreshedAt;

    public void Participate(ISiloLifecycle lifecycle) =>
        lifecycle.Subscribe(nameof(FrontEndQueueBalancer), Stage, Start, Stop);

    public IEnumerable<QueueId> GetAllQueues() => GetMyQueues();

    // A stream without queue belongs to a silo that has gone; the adapter skips what is written to it.
    public QueueId GetQueueForStream(StreamId streamId) => queues.Find(streamId)?.Id ?? QueueId.GetQueueId(streamId.GetKeyAsString(), 0, 0);

    public Task Initialize(IStreamQueueMapper queueMapper) => Task.CompletedTask;

    public Task Shutdown() => Task.CompletedTask;

    public IEnumerable<QueueId> GetMyQueues() => [.. queues.All.Select(queue => queue.Id)];

    public bool SubscribeToQueueDistributionChangeEvents(IStreamQueueBalanceListener observer)
    {
        lock (_gate)
        {
            if (_listeners.Contains(observer))
                return false;
            _listeners = [.. _listeners, observer];
            return true;
        }
    }

    public bool UnSubscribeFromQueueDistributionChangeEvents(IStreamQueueBalanceListener observer)
    {
        lock (_gate)
        {
            var found = _listeners.Contains(observer);
            _listeners = [.. _listeners.Where(listener => listener != observer)];
            return found;
        }
    }

    /// <summary>Somebody names a front-end that membership, as this silo knows it, does not have: look again, at most once a second.</summary>
    public void LookAgain()
    {
        var now = time.GetTimestamp();
        var last = Interlocked.Read(ref _refreshedAt);
        if ((last != 0 && time.GetElapsedTime(last, now) < RefreshAtMost) || Interlocked.CompareExchange(ref _refreshedAt, now, last) != last)
            return;
        _ = Task.Run(Refresh);
    }

    public void Dispose() => _stopping.Dispose();

    private async Task Start(CancellationToken cancellationToken)
    {
        var provider = services.GetRequiredKeyedService<IStreamProvider>(FrontEndStreaming.ProviderName);
        await Task.Run(() => queues.Follow(FrontEndsIn(membership.CurrentSnapshot), provider), cancellationToken);
        _watching = Task.Run(() => Watch(provider), CancellationToken.None);
    }

    private async Task Stop(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _watching;
    }

    private async Task Watch(IStreamProvider provider)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await foreach (var snapshot in membership.MembershipUpdates.WithCancellation(_stopping.Token))
                {
                    if (queues.Follow(FrontEndsIn(snapshot), provider))
                        Notify();
                }

                return; // the membership service itself has ended
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception problem)
            {
                LogWatchFailed(problem);
                await Task.Delay(RefreshAtMost, time, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Refresh()
    {
        try
        {
            await membership.Refresh(default, _stopping.Token);
        }
        catch (Exception problem)
        {
            LogRefreshFailed(problem);
        }
    }

    // Not awaited: the manager starts and stops agents in an order of its own, and an agent that hangs must not hide the next change.
    private void Notify()
    {
        foreach (var listener in Volatile.Read(ref _listeners))
            listener.QueueDistributionChangeNotification().Ignore();
    }

    // A silo that shuts down has closed its sockets before; its status says so before its grains end.
    private static SiloAddress[] FrontEndsIn(ClusterMembershipSnapshot snapshot) =>
        [.. snapshot.Members.Values.Where(member => member.Status is SiloStatus.Joining or SiloStatus.Active).Select(member => member.SiloAddress)];

    [LoggerMessage(1005, LogLevel.Error, "Watching membership failed; trying again.")]
    private partial void LogWatchFailed(Exception problem);

    [LoggerMessage(1008, LogLevel.Debug, "Refreshing membership failed.")]
    private partial void LogRefreshFailed(Exception problem);
}
