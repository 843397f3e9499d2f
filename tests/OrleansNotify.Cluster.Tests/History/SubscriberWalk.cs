using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>Goes through one subscriber's log as a client would, and notes where the server broke the order (P1, P2, P4).</summary>
internal sealed class SubscriberWalk
{
    private readonly SubscriberLog _log;
    private readonly ulong _window;
    private readonly HashSet<ChannelPosition> _session = [];

    private SubscriberWalk(SubscriberLog log, ulong window)
    {
        _log = log;
        _window = window;
    }

    /// <summary>Walks the log.</summary>
    public static SubscriberWalk Of(SubscriberLog log, ulong recoveryWindow)
    {
        var walk = new SubscriberWalk(log, recoveryWindow);
        foreach (var entry in log.Entries)
            walk.Step(entry);
        return walk;
    }

    /// <summary>What the walk found.</summary>
    public List<Violation> Violations { get; } = [];

    /// <summary>What arrived, by position.</summary>
    public List<(ChannelPosition Position, ulong Payload, TimeSpan At)> Arrived { get; } = [];

    /// <summary>What became of each position.</summary>
    public Coverage Coverage { get; } = new();

    /// <summary>How often a new epoch was told, a hole in the same epoch was told, and a recovery was granted or refused.</summary>
    public (int NewEpochs, int Gaps, int Recovered, int NotRecovered) Counts { get; private set; }

    private void Step(Seen entry)
    {
        switch (entry)
        {
            case Joined joined:
                Join(joined);
                break;
            case Told told:
                Tell(told);
                break;
            case Delivered delivered:
                Take(delivered);
                break;
            case Ended:
                _session.Clear();
                break;
        }
    }

    private void Join(Joined joined)
    {
        if (Coverage.Top is not { } top)
        {
            Coverage.Advance(joined.Position, Coverage.Verdict.NotEntitled);
            return;
        }

        if (joined.Asked is not { } asked)
        {
            Coverage.Advance(joined.Position, Coverage.Verdict.NotEntitled); // it chose to begin anew
            return;
        }

        if (asked != top)
            throw new InvalidOperationException($"{Who} asked to recover from {Show(asked)} but had come to {Show(top)}: the client is at fault, not the server.");
        if (joined.Recovered)
        {
            Counts = Counts with { Recovered = Counts.Recovered + 1 };
            if (joined.Position.Epoch != asked.Epoch || joined.Position.Offset < asked.Offset)
                Add(ViolationKind.FalseRecovery, joined, $"was told that everything since {Show(asked)} follows, at position {Show(joined.Position)}");
            return; // what was missed follows as events
        }

        Counts = Counts with { NotRecovered = Counts.NotRecovered + 1 };
        var order = Coverage.Order(joined.Position, asked);
        if (order < 0)
            Add(ViolationKind.Reordered, joined, $"was at {Show(asked)} and was put back to {Show(joined.Position)}");
        else if (joined.Position.Epoch == asked.Epoch && joined.Position.Offset - asked.Offset <= _window)
            Add(ViolationKind.FalseRecovery, joined, $"was refused recovery from {Show(asked)} at {Show(joined.Position)}, {joined.Position.Offset - asked.Offset} behind");
        Skip(joined.Position);
    }

    private void Tell(Told told)
    {
        if (Coverage.Top is { } top && Coverage.Order(told.Position, top) < 0)
            Add(ViolationKind.Reordered, told, $"was at {Show(top)} and was put back to {Show(told.Position)}");
        Skip(told.Position);
    }

    private void Take(Delivered delivered)
    {
        if (Coverage.Top is not { } top)
            throw new InvalidOperationException($"{Who} got an event before its subscription was confirmed.");
        var position = new ChannelPosition(delivered.Epoch ?? top.Epoch, delivered.Offset);
        Arrived.Add((position, delivered.Payload, delivered.At));
        if (!_session.Add(position))
        {
            Add(ViolationKind.Duplicated, delivered, $"got {Show(position)} twice in one session");
            return;
        }

        if (position.Epoch != top.Epoch)
        {
            if (position.Epoch < top.Epoch)
                Add(ViolationKind.Reordered, delivered, $"was at {Show(top)} and then got {Show(position)} of an older epoch");
            Skip(position with { Offset = position.Offset - 1 }); // the epoch in the event tells it
        }
        else if (position.Offset <= top.Offset)
        {
            Add(ViolationKind.Reordered, delivered, $"was at {Show(top)} and then got {Show(position)}");
            return;
        }
        else if (position.Offset > top.Offset + 1)
        {
            Add(ViolationKind.UnexplainedGap, delivered, $"was at {Show(top)} and then got {Show(position)}");
            Coverage.Advance(position with { Offset = position.Offset - 1 }, Coverage.Verdict.LeftOut);
        }

        Coverage.Advance(position, Coverage.Verdict.Arrived);
    }

    private void Skip(ChannelPosition to)
    {
        var newEpoch = Coverage.Top is { } top && top.Epoch != to.Epoch;
        if (newEpoch)
            Counts = Counts with { NewEpochs = Counts.NewEpochs + 1 };
        else if (Coverage.Top is { } same && same.Offset < to.Offset)
            Counts = Counts with { Gaps = Counts.Gaps + 1 };
        Coverage.Advance(to, newEpoch ? Coverage.Verdict.NewEpochTold : Coverage.Verdict.GapTold);
    }

    private string Who => $"{_log.Client} on {_log.Channel}";

    private void Add(ViolationKind kind, Seen entry, string what) => Violations.Add(new(kind, $"{Who} at {entry.At.TotalSeconds:0.000} s {what}."));

    /// <summary>A position for people.</summary>
    public static string Show(ChannelPosition position) => $"({position.Epoch}, {position.Offset})";
}
