using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>What stands at each position of each channel, by everybody who said so. Two contents for one position: the epoch was used twice (P7).</summary>
internal sealed class Contents
{
    private readonly Dictionary<(string Channel, ChannelPosition Position), (ulong Payload, string Source)> _seen = [];
    private readonly Dictionary<ulong, string> _keys = [];
    private readonly HashSet<(string, ChannelPosition, ulong)> _reported = [];

    /// <summary>Gathers what publishers were told, subscribers got and history holds.</summary>
    public static Contents Of(RunHistory history, IReadOnlyList<(SubscriberLog Log, SubscriberWalk Walk)> walks)
    {
        var contents = new Contents();
        foreach (var attempt in history.Attempts)
            contents._keys[attempt.Payload] = attempt.Key;
        foreach (var (log, walk) in walks)
        {
            foreach (var (position, payload, _) in walk.Arrived)
                contents.Add(log.Channel, position, payload, log.Client, ack: false);
        }

        foreach (var (channel, final) in history.Final)
        {
            foreach (var (offset, payload) in final.Kept)
                contents.Add(channel, final.Top with { Offset = offset }, payload, "history", ack: false);
        }

        foreach (var attempt in history.Attempts)
        {
            if (attempt.Position is { } position)
                contents.Add(attempt.Channel, position, attempt.Payload, "an acknowledgement", ack: true);
        }

        return contents;
    }

    /// <summary>Positions with two contents, and contents nobody published.</summary>
    public List<Violation> Violations { get; } = [];

    /// <summary>Every position something is known of.</summary>
    public IEnumerable<(string Channel, ChannelPosition Position, ulong Payload, string Source)> All =>
        _seen.Select(pair => (pair.Key.Channel, pair.Key.Position, pair.Value.Payload, pair.Value.Source));

    /// <summary>The key a payload was published with.</summary>
    public string KeyOf(ulong payload) => _keys.GetValueOrDefault(payload) ?? $"content {payload:x} that nobody published";

    private void Add(string channel, ChannelPosition position, ulong payload, string source, bool ack)
    {
        if (!_keys.ContainsKey(payload) && _reported.Add((channel, position, payload)))
            Violations.Add(new(ViolationKind.FalseOutcome, $"{channel} {SubscriberWalk.Show(position)} carries {KeyOf(payload)} ({source})."));
        if (_seen.TryAdd((channel, position), (payload, source)))
            return;
        var (first, by) = _seen[(channel, position)];
        if (first == payload || !_reported.Add((channel, position, payload)))
            return;
        var both = $"{channel} {SubscriberWalk.Show(position)} is {KeyOf(first)} ({by}) and {KeyOf(payload)} ({source}).";
        Violations.Add(new(ViolationKind.EpochReuse, both));
        if (ack)
            Violations.Add(new(ViolationKind.FalseOutcome, $"Acknowledged with a position of other content: {both}"));
    }
}
