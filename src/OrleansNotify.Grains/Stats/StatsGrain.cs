using Orleans.Concurrency;

namespace OrleansNotify.Grains.Stats;

/// <summary>Keeps nothing: after a move or a crash every silo answers its refusal with a snapshot within a second. Reentrant: a read waits for reports.</summary>
[GrainType("notify.stats"), Reentrant]
internal sealed class StatsGrain(IClusterMembershipService membership, TimeProvider time) : Grain, IStatsGrain
{
    private readonly ClusterCounts _counts = new(time);
    private TaskCompletionSource _reported = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <inheritdoc />
    public ValueTask<bool> Report(SiloReport report, CancellationToken cancellationToken = default)
    {
        var taken = _counts.Report(report);
        if (taken && report.IsSnapshot)
        {
            _reported.TrySetResult();
            _reported = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
        return new(taken);
    }

    /// <inheritdoc />
    public async ValueTask<ClusterStats> Read(CancellationToken cancellationToken = default) => _counts.Sum(await Gather(cancellationToken));

    /// <inheritdoc />
    public async ValueTask<ChannelCount> Count(string channel, CancellationToken cancellationToken = default)
    {
        var active = await Gather(cancellationToken);
        return new ChannelCount(_counts.Of(channel), _counts.IsPartial(active));
    }

    // Waits for silos that owe a first report; answers with those that are active.
    private async Task<IReadOnlyCollection<SiloAddress>> Gather(CancellationToken cancellationToken)
    {
        while (true)
        {
            var members = membership.CurrentSnapshot.Members;
            _counts.DropLost(silo => members.TryGetValue(silo, out var member) && member.Status == SiloStatus.Dead);
            var active = members.Values.Where(m => m.Status == SiloStatus.Active).Select(m => m.SiloAddress).ToHashSet();
            var wait = _counts.WaitFor(active);
            if (wait <= TimeSpan.Zero)
                return active;
            await Task.WhenAny(_reported.Task, Task.Delay(wait, time, cancellationToken));
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
