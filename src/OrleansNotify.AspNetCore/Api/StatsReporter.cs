using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Stats;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>Reports this silo's counts to <see cref="IStatsGrain"/>: soon after they change, every second anyway, and before a read on this silo.</summary>
internal sealed partial class StatsReporter(
    IGrainFactory grains,
    ILocalSiloDetails silo,
    SubscriptionCounts counts,
    NotifyMetrics metrics,
    TimeProvider time,
    ILogger<StatsReporter> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);

    // What changes within this time travels together; with it a change is known everywhere well within 300 ms (PROMISES P9).
    private static readonly TimeSpan Debounce = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim _reporting = new(1, 1);
    private readonly long _started = time.GetTimestamp();
    private long _number;
    private bool _owesSnapshot = true;

    /// <summary>How long this silo has been up.</summary>
    public TimeSpan Uptime => time.GetElapsedTime(_started);

    /// <summary>Reports what has changed.</summary>
    /// <returns>False when the report may not have arrived; the next one is a snapshot.</returns>
    public async Task<bool> Flush(CancellationToken cancellationToken)
    {
        await _reporting.WaitAsync(cancellationToken);
        try
        {
            if (await Report())
                return true;
            return await Report(); // a gap or a fresh activation: now as a snapshot
        }
        catch (Exception exception)
        {
            _owesSnapshot = true;
            LogReportFailed(exception);
            return false;
        }
        finally
        {
            _reporting.Release();
        }
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        base.Dispose();
        _reporting.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await Flush(stoppingToken);
                var changed = counts.Changed;
                if (await Task.WhenAny(changed, Task.Delay(Period, time, stoppingToken)) == changed)
                    await Task.Delay(Debounce, time, stoppingToken);
                stoppingToken.ThrowIfCancellationRequested();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task<bool> Report()
    {
        var isSnapshot = _owesSnapshot;
        var (connections, channels) = isSnapshot ? counts.TakeAll() : counts.TakeChanges();
        _owesSnapshot = true; // until this one has arrived
        var report = new SiloReport(silo.SiloAddress, ++_number, isSnapshot, connections, channels, metrics.TotalPublished, metrics.TotalDelivered);
        var taken = await grains.GetGrain<IStatsGrain>(0).Report(report).AsTask().WaitAsync(Deadline, time);
        _owesSnapshot = !taken;
        return taken;
    }

    [LoggerMessage(4010, LogLevel.Debug, "A report of this silo's counts failed; the next one is a snapshot.")]
    private partial void LogReportFailed(Exception exception);
}
