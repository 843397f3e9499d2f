using OrleansNotify.Cluster.Tests.History;

namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>What the scenarios hold the figures against, beyond what the checker holds.</summary>
public static class Limits
{
    /// <summary>PROMISES: kill -9 of a silo, 99 of 100 subscriptions are served again within this long.</summary>
    public static readonly TimeSpan RecoveryAfterKill = TimeSpan.FromSeconds(5);

    /// <summary>Issue 3, durable channels: heals by itself this long after the store's return; the store's own start is not counted.</summary>
    public static readonly TimeSpan HealedAfterStore = TimeSpan.FromSeconds(5);

    /// <summary>A silo has ended this long after SIGTERM: the host's 30 s, and 10 s for a machine whose time is stolen.</summary>
    public static readonly TimeSpan Drain = TimeSpan.FromSeconds(40);

    /// <summary>Everybody is served again, and 99 of 100 in time.</summary>
    public static void RecoveredInTime(HistoryReport report)
    {
        var times = report.Recoveries[0];
        Assert.True(times.Never == 0, report.ToString());
        Hold(times.P99 < RecoveryAfterKill, report);
    }

    /// <summary>PROMISES P11: epochs go on, nobody is told of a gap, and no publication failed twice.</summary>
    public static void NothingWasLost(HistoryReport report)
    {
        Assert.True(report.FailedPublications.Count == 0, report.ToString());
        Assert.True(report.Told is { NewEpochs: 0, Gaps: 0, NotRecovered: 0 } && report.AbandonedAcks == 0, report.ToString());
    }

    /// <summary>No connection ended, and all channels were served again in time after the last fault noted: the store's return.</summary>
    public static void SubscribersStayedAndChannelsHealed(HistoryReport report)
    {
        Assert.True(report.Ended.Count == 0 && report.Told.NewEpochs == 0, report.ToString());
        var times = report.Recoveries[^1];
        Assert.True(times.Never == 0, report.ToString());
        Hold(times.P99 < HealedAfterStore, report);
    }

    private static void Hold(bool isWithin, HistoryReport report)
    {
        if (!isWithin)
            throw new LimitExceededException(report.ToString());
    }
}
