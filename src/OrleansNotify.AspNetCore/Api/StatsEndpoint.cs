using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Stats;

namespace OrleansNotify.AspNetCore.Api;

/// <summary><c>GET /api/stats</c>.</summary>
internal sealed partial class StatsEndpoint(
    IGrainFactory grains, StatsReporter reporter, SubscriptionCounts counts, NotifyMetrics metrics, TimeProvider time, ILogger<StatsEndpoint> logger)
{
    // A read may itself wait 1 s for silos that have not reported.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);

    /// <summary>Reads the cluster's counts; exact at once for this silo, which reports first. Where the cluster's cannot be had, this silo's own, as partial.</summary>
    public async Task<JsonHttpResult<StatsReply>> Read(CancellationToken cancellationToken)
    {
        ClusterStats stats;
        try
        {
            await reporter.Flush(cancellationToken);
            stats = await grains.GetGrain<IStatsGrain>(0).Read(CancellationToken.None).AsTask().WaitAsync(Deadline, time, cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogReadFailed(exception);
            var (connections, channels) = counts.Peek();
            stats = new ClusterStats(connections, channels, 1, metrics.TotalPublished, metrics.TotalDelivered, Partial: true);
        }
        var uptime = (long)reporter.Uptime.TotalSeconds;
        return TypedResults.Json(
            new StatsReply(stats.Connections, stats.Channels, stats.Silos, stats.Published, stats.Delivered, uptime, stats.Partial), ApiJson.Default.StatsReply);
    }

    [LoggerMessage(4011, LogLevel.Warning, "The cluster's counts cannot be read; answered with this silo's own.")]
    private partial void LogReadFailed(Exception exception);
}
