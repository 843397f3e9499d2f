using System.Globalization;
using System.Text;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>What the checker found.</summary>
public sealed class HistoryReport
{
    private const int Shown = 12; // of each kind: one fault of the server's can break a promise ten thousand times

    /// <summary>Every broken promise.</summary>
    public required IReadOnlyList<Violation> Violations { get; init; }

    /// <summary>One per fault, in their order.</summary>
    public required IReadOnlyList<RecoveryTimes> Recoveries { get; init; }

    /// <summary>Publications whose last attempt was not accepted, and what they were told.</summary>
    public required IReadOnlyList<PublishAttempt> FailedPublications { get; init; }

    /// <summary>Attempts by outcome.</summary>
    public required IReadOnlyDictionary<PublishOutcome, int> Attempts { get; init; }

    /// <summary>Sent to answered, of the accepted attempts, 99 of 100.</summary>
    public required TimeSpan AckP99 { get; init; }

    /// <summary>Acknowledged in an epoch that the channel has left since: lost as <c>recoverable</c> says, and told.</summary>
    public required int AbandonedAcks { get; init; }

    /// <summary>Events delivered to subscribers.</summary>
    public required int Deliveries { get; init; }

    /// <summary>How often a subscriber was told a new epoch, told a hole in the same epoch, recovered, and was refused recovery.</summary>
    public required (int NewEpochs, int Gaps, int Recovered, int NotRecovered) Told { get; init; }

    /// <summary>Connections that ended, by close code; 0: without one.</summary>
    public required IReadOnlyDictionary<int, int> Ended { get; init; }

    /// <summary>The figures and the first violations of each kind, for people.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"attempts {Join(Attempts)}; publications failed after their retry {FailedPublications.Count}; ack p99 {AckP99.TotalMilliseconds:0} ms");
        text.AppendLine(CultureInfo.InvariantCulture, $"deliveries {Deliveries}; told: new epoch {Told.NewEpochs}, gap {Told.Gaps}; recovered {Told.Recovered}, not recovered {Told.NotRecovered}; acks in abandoned epochs {AbandonedAcks}; connections ended {Join(Ended)}");
        foreach (var recovery in Recoveries)
            text.AppendLine(recovery.ToString());
        foreach (var failed in FailedPublications.Take(Shown))
            text.AppendLine(CultureInfo.InvariantCulture, $"failed: {failed.Key} on {failed.Channel} at {failed.SentAt.TotalSeconds:0.00} s after {(failed.AnsweredAt - failed.SentAt).TotalSeconds:0.00} s: {failed.Outcome} {failed.Detail}");
        text.AppendLine(CultureInfo.InvariantCulture, $"violations {Violations.Count} {string.Join(", ", Violations.CountBy(v => v.Kind).Select(kind => $"{kind.Key} {kind.Value}"))}");
        foreach (var violation in Violations.GroupBy(violation => violation.Kind).SelectMany(kind => kind.Take(Shown)))
            text.AppendLine(violation.ToString());
        return text.ToString();
    }

    private static string Join<T>(IReadOnlyDictionary<T, int> counts) => string.Join(", ", counts.OrderBy(pair => pair.Key).Select(pair => $"{pair.Key} {pair.Value}"));
}
