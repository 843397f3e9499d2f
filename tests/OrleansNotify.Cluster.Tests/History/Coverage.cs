using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>For every position a subscriber was entitled to: did it arrive, or was it told that it may be missing, or neither?</summary>
internal sealed class Coverage
{
    private readonly List<Stretch> _stretches = [];
    private ChannelPosition? _top;

    /// <summary>What is said of a position.</summary>
    public enum Verdict
    {
        /// <summary>Before the subscription began, or while it chose not to be there.</summary>
        NotEntitled,

        /// <summary>It arrived.</summary>
        Arrived,

        /// <summary>Told: the epoch is another one now.</summary>
        NewEpochTold,

        /// <summary>Told: a hole in the same epoch, or no recovery.</summary>
        GapTold,

        /// <summary>Left out without a word.</summary>
        LeftOut,

        /// <summary>Beyond the last thing the subscriber saw.</summary>
        NeverReached,
    }

    /// <summary>How far the subscriber has come; null before its first subscription.</summary>
    public ChannelPosition? Top => _top;

    /// <summary>Goes on to <paramref name="to"/>; what lies between is judged <paramref name="verdict"/>.</summary>
    public void Advance(ChannelPosition to, Verdict verdict)
    {
        if (_top is { } from && Order(from, to) < 0)
        {
            if (_stretches is [.., var last] && last.Verdict == verdict && last.To == from && from.Epoch == to.Epoch)
                _stretches[^1] = last with { To = to };
            else
                _stretches.Add(new Stretch(from, to, verdict));
        }

        _top = to;
    }

    /// <summary>What became of a position.</summary>
    public Verdict Of(ChannelPosition position)
    {
        foreach (var stretch in _stretches)
        {
            if (Order(stretch.From, position) < 0 && Order(position, stretch.To) <= 0)
                return stretch.Verdict;
        }

        return _top is { } top && Order(position, top) > 0 ? Verdict.NeverReached : Verdict.NotEntitled;
    }

    /// <summary>By epoch, then offset.</summary>
    public static int Order(ChannelPosition left, ChannelPosition right)
    {
        var order = left.Epoch.CompareTo(right.Epoch);
        return order != 0 ? order : left.Offset.CompareTo(right.Offset);
    }

    private sealed record Stretch(ChannelPosition From, ChannelPosition To, Verdict Verdict);
}
