using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>Holds what publishers were told against what became of it (P5).</summary>
internal static class OutcomeCheck
{
    /// <summary>What was told falsely.</summary>
    public static IEnumerable<Violation> Check(RunHistory history, Contents contents)
    {
        var places = contents.All.Where(at => at.Source != "an acknowledgement").ToLookup(at => (at.Channel, at.Payload), at => at.Position);
        foreach (var publication in history.Attempts.GroupBy(attempt => (attempt.Channel, attempt.Key)))
        {
            var (channel, key) = publication.Key;
            var durable = history.Channels[channel] == ChannelPromise.Durable;
            var payload = publication.First().Payload;
            var acks = publication.Where(attempt => attempt.Position is not null).Select(attempt => attempt.Position!.Value).Distinct().ToArray();
            var seen = places[(channel, payload)].Distinct().ToArray();

            if (seen.Length > 0 && publication.All(attempt => attempt.Outcome is PublishOutcome.Refused or PublishOutcome.NotAccepted))
                yield return new(ViolationKind.FalseOutcome, $"{key} on {channel} was {publication.Last().Outcome} and stands at {SubscriberWalk.Show(seen[0])} all the same.");
            if (Twice(acks, durable) is { } two)
                yield return new(ViolationKind.FalseOutcome, $"{key} on {channel} was acknowledged at {SubscriberWalk.Show(two.First)} and at {SubscriberWalk.Show(two.Second)}.");
            if (Twice([.. acks, .. seen], durable) is { } places2 && Twice(acks, durable) is null)
                yield return new(ViolationKind.FalseOutcome, $"{key} on {channel} stands at {SubscriberWalk.Show(places2.First)} and at {SubscriberWalk.Show(places2.Second)}.");
        }
    }

    // Within an epoch a key names one position; a durable channel remembers it for ever.
    private static (ChannelPosition First, ChannelPosition Second)? Twice(ChannelPosition[] positions, bool durable)
    {
        for (var i = 0; i < positions.Length; i++)
        {
            for (var j = i + 1; j < positions.Length; j++)
            {
                if (positions[i] != positions[j] && (durable || positions[i].Epoch == positions[j].Epoch))
                    return (positions[i], positions[j]);
            }
        }

        return null;
    }
}
