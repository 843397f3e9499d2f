using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>Looks for each known publication at everybody entitled to it, and in history (P2, P5, P6).</summary>
internal static class LossCheck
{
    /// <summary>What was lost.</summary>
    public static IEnumerable<Violation> Check(RunHistory history, Contents contents, IReadOnlyList<(SubscriberLog Log, SubscriberWalk Walk)> walks)
    {
        var known = contents.All.ToLookup(at => at.Channel, at => (at.Position, at.Payload));
        foreach (var (log, walk) in walks)
        {
            var durable = history.Channels[log.Channel] == ChannelPromise.Durable;
            foreach (var (position, payload) in known[log.Channel])
            {
                var why = Excuse(walk, position, durable);
                if (why is not null)
                    yield return new(ViolationKind.Lost, $"{log.Client} on {log.Channel} missed {contents.KeyOf(payload)} at {SubscriberWalk.Show(position)}: {why}");
            }
        }

        foreach (var attempt in history.Attempts)
        {
            if (attempt.Position is { } position && history.Final.TryGetValue(attempt.Channel, out var final)
                && Gone(position, final, history.Channels[attempt.Channel] == ChannelPromise.Durable) is { } how)
                yield return new(ViolationKind.Lost, $"{attempt.Key} was acknowledged at {attempt.Channel} {SubscriberWalk.Show(position)}: {how}");
        }
    }

    /// <summary>Why a missing publication is a loss; null: it is not missing, or its loss is told as promised.</summary>
    private static string? Excuse(SubscriberWalk walk, ChannelPosition position, bool durable) => walk.Coverage.Of(position) switch
    {
        Coverage.Verdict.LeftOut => "left out without a word.",
        Coverage.Verdict.NeverReached => $"it ended at {SubscriberWalk.Show(walk.Coverage.Top!.Value)}.",
        Coverage.Verdict.NewEpochTold when durable => "told a new epoch, which is no excuse for a durable channel.",
        _ => null,
    };

    private static string? Gone(ChannelPosition position, FinalHistory final, bool durable)
    {
        if (position.Epoch != final.Top.Epoch)
        {
            return durable ? $"the channel ended in epoch {final.Top.Epoch}."
                : position.Epoch > final.Top.Epoch ? $"the channel ended in the older epoch {final.Top.Epoch}."
                : null;
        }

        // What history has let go of by its own bounds was there.
        var oldest = final.Kept.Count == 0 ? final.Top.Offset + 1 : final.Kept.Keys.Min();
        return position.Offset > final.Top.Offset ? $"the channel ended at offset {final.Top.Offset}."
            : position.Offset >= oldest && !final.Kept.ContainsKey(position.Offset) ? "it is not in history."
            : null;
    }
}
