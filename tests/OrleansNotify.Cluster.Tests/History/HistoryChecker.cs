namespace OrleansNotify.Cluster.Tests.History;

/// <summary>
/// Judges a run after it has ended, from what clients and publishers saw alone: the promises P1, P2, P4 to P7. It knows nothing of the service but its protocol.
/// </summary>
public static class HistoryChecker
{
    /// <summary>Checks everything.</summary>
    public static HistoryReport Check(RunHistory history)
    {
        var walks = history.Logs.Select(log => (Log: log, Walk: SubscriberWalk.Of(log, history.RecoveryWindow))).ToList();
        var contents = Contents.Of(history, walks);
        var latency = history.Attempts.Where(attempt => attempt.Outcome == PublishOutcome.Accepted).Select(attempt => attempt.AnsweredAt - attempt.SentAt).Order().ToList();
        return new HistoryReport
        {
            Violations =
            [
                .. walks.SelectMany(pair => pair.Walk.Violations),
                .. contents.Violations,
                .. OutcomeCheck.Check(history, contents),
                .. LossCheck.Check(history, contents, walks),
            ],
            Recoveries = [.. history.Faults.Select(fault => RecoveryTimes.Of(fault, history, walks))],
            FailedPublications = [.. history.Attempts.GroupBy(attempt => (attempt.Channel, attempt.Key)).Select(Failed).OfType<PublishAttempt>()],
            Attempts = history.Attempts.CountBy(attempt => attempt.Outcome).ToDictionary(),
            AckP99 = RecoveryTimes.At(latency, 0.99),
            AbandonedAcks = history.Attempts.Count(attempt => attempt.Position is { } at && history.Final.TryGetValue(attempt.Channel, out var final) && at.Epoch < final.Top.Epoch),
            Deliveries = walks.Sum(pair => pair.Walk.Arrived.Count),
            Told = walks.Select(pair => pair.Walk.Counts).Aggregate((NewEpochs: 0, Gaps: 0, Recovered: 0, NotRecovered: 0), (sum, one) =>
                (sum.NewEpochs + one.NewEpochs, sum.Gaps + one.Gaps, sum.Recovered + one.Recovered, sum.NotRecovered + one.NotRecovered)),
            Ended = history.Logs.GroupBy(log => log.Client).Select(client => client.First()).SelectMany(log => log.Entries.OfType<Ended>()).CountBy(ended => ended.Code ?? 0).ToDictionary(),
        };
    }

    private static PublishAttempt? Failed(IEnumerable<PublishAttempt> publication)
    {
        var attempts = publication.OrderBy(attempt => attempt.SentAt).ToArray();
        return Array.Exists(attempts, attempt => attempt.Outcome == PublishOutcome.Accepted) ? null : attempts[^1];
    }
}
