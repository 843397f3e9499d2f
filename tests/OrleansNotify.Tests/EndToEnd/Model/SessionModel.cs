namespace OrleansNotify.Tests.EndToEnd.Model;

/// <summary>What the protocol promises, as simple as can be: says of each step which messages it brings to which client.</summary>
internal sealed class SessionModel(string[] channels, string[] patterns)
{
    /// <summary>Of the namespace that the channels are in.</summary>
    public const int HistorySize = 4;

    /// <summary>The channels.</summary>
    public ModelChannel[] Channels { get; } = [.. channels.Select(name => new ModelChannel(name))];

    /// <summary>The clients.</summary>
    public ModelClient[] Clients { get; } = [new(), new()];

    /// <summary>The position that a subscription of this kind names; null: none.</summary>
    public (string Epoch, ulong Offset)? StartOf(int client, int channel, Start start, int count) => start switch
    {
        Start.RecoverOwn => PositionOf(client, channel),
        Start.RecoverBack => (Channels[channel].Epoch, Channels[channel].Offset - Math.Min(Channels[channel].Offset, (ulong)count)),
        Start.RecoverAhead => (Channels[channel].Epoch, Channels[channel].Offset + 1 + (ulong)count),
        Start.RecoverPast => (Channels[channel].EpochsPast.LastOrDefault() ?? "never-was", (ulong)count),
        _ => null,
    };

    /// <summary>Where a client last was; where it has never been, at the beginning.</summary>
    public (string Epoch, ulong Offset) PositionOf(int client, int channel) =>
        Clients[client].Positions.TryGetValue(channels[channel], out var position) ? position : (Channels[channel].Epoch, 0);

    public void Subscribe(int number, int channel, Start start, int count, bool hasId, Wanted wants)
    {
        var (client, its) = (Clients[number], Channels[channel]);
        if (client.Own.ContainsKey(its.Name))
        {
            client.Expects.Add("error 105");
            return;
        }
        client.Own[its.Name] = new(hasId || start != Start.Live || wants != Wanted.All, wants);
        var gets = client.Gets(its.Name);
        switch (start)
        {
            case Start.Live:
                client.Expects.Add($"subscribed {its.Name} {its.Offset}");
                break;
            case Start.History:
                client.Expects.Add($"subscribed {its.Name} {its.Offset}");
                client.Expects.AddRange(its.Kept.Where(p => gets.Has(p)).TakeLast(count).Select(its.Event));
                break;
            default:
                var missed = its.Since(StartOf(number, channel, start, count)!.Value);
                client.Expects.Add($"subscribed {its.Name} {its.Offset} {missed is not null}");
                client.Expects.AddRange((missed ?? []).Where(p => gets.Has(p)).Select(its.Event));
                break;
        }
    }

    public void Unsubscribe(int number, string name)
    {
        var client = Clients[number];
        client.Expects.Add(client.Own.Remove(name) || client.Patterns.Remove(name) ? $"unsubscribed {name}" : "error 108");
    }

    public void SubscribePattern(int number, int pattern, bool recovers, bool hasId, Wanted wants)
    {
        var client = Clients[number];
        var isCovered = client.Patterns.Count > 0;
        var before = channels.ToDictionary(name => name, client.Gets);
        if (!client.Patterns.TryAdd(patterns[pattern], new(hasId || recovers || wants != Wanted.All, wants)))
        {
            client.Expects.Add("error 105");
            return;
        }
        client.Expects.Add($"subscribed {patterns[pattern]}");
        if (!recovers)
            return;
        for (var channel = 0; channel < channels.Length; channel++)
        {
            var its = Channels[channel];
            if (client.Own.ContainsKey(its.Name))
            {
                // That was answered by itself; what it did not want cannot be brought.
                if (client.Gets(its.Name) != before[its.Name])
                    client.Expects.Add($"position {its.Name} {its.Offset} False");
                continue;
            }
            // Another pattern brings the channel already: from where it is now.
            var missed = isCovered ? null : its.Since(PositionOf(number, channel));
            client.Expects.Add($"position {its.Name} {its.Offset} {missed is not null}");
            client.Expects.AddRange((missed ?? []).Where(p => wants.Has(p)).Select(its.Event));
        }
    }

    /// <param name="channel">Where.</param>
    /// <param name="number">What makes it unmistakable.</param>
    /// <param name="notTo">The client that published it and spares itself its own.</param>
    public void Publish(int channel, int number, int? notTo = null)
    {
        var its = Channels[channel];
        its.Add(number);
        for (var client = 0; client < Clients.Length; client++)
        {
            if (client != notTo && Clients[client].Gets(its.Name).Has(its.Kept[^1]))
                Clients[client].Expects.Add(its.Event(its.Kept[^1]));
        }
    }

    public void ReadHistory(int number, int channel, int limit, bool reverse, bool sinceOwn)
    {
        var its = Channels[channel];
        var since = PositionOf(number, channel);
        if (sinceOwn && (since.Epoch != its.Epoch || since.Offset > its.Offset))
        {
            Clients[number].Expects.Add("error 112");
            return;
        }
        var kept = its.Kept.Where(p => !sinceOwn || p.Offset > since.Offset);
        var page = (reverse ? kept.Reverse() : kept).Take(limit).Select(p => p.Number);
        Clients[number].Expects.Add($"history {its.Name} {its.Offset}: {string.Join(' ', page)}");
    }

    public void Reconnect(int number)
    {
        var client = Clients[number];
        client.Own.Clear();
        client.Patterns.Clear();
        client.EpochsKnown.Clear();
    }

    public void NewEpoch(int channel, string epoch)
    {
        var its = Channels[channel];
        its.Begin(epoch);
        foreach (var client in Clients)
        {
            if (client.IsToldPositions(its.Name))
                client.Expects.Add($"position {its.Name} 0 False");
        }
    }
}

/// <summary>A channel: its position and what it keeps.</summary>
internal sealed class ModelChannel(string name)
{
    private readonly List<(ulong Offset, int Number)> _kept = [];

    public string Name => name;

    public string Epoch { get; private set; } = "";

    public ulong Offset { get; private set; }

    public IReadOnlyList<(ulong Offset, int Number)> Kept => _kept;

    public List<string> EpochsPast { get; } = [];

    public string Event((ulong Offset, int Number) publication) => $"event {name} {publication.Offset} {publication.Number}";

    public void Add(int number)
    {
        _kept.Add((++Offset, number));
        if (_kept.Count > SessionModel.HistorySize)
            _kept.RemoveAt(0);
    }

    /// <summary>All behind a position, or null when that is not known any more.</summary>
    public IEnumerable<(ulong Offset, int Number)>? Since((string Epoch, ulong Offset) position) =>
        position.Epoch == Epoch && position.Offset <= Offset && Offset - position.Offset <= (ulong)_kept.Count ? _kept.Where(p => p.Offset > position.Offset) : null;

    public void Erase() => _kept.Clear();

    public void Begin(string epoch)
    {
        if (Epoch.Length > 0)
            EpochsPast.Add(Epoch);
        Assert.DoesNotContain(epoch, EpochsPast);
        (Epoch, Offset) = (epoch, 0);
        _kept.Clear();
    }
}

/// <summary>A client: what it is subscribed to, and what it knows from what it was sent.</summary>
internal sealed class ModelClient
{
    /// <summary>Channels by name.</summary>
    public Dictionary<string, ModelSubscription> Own { get; } = [];

    /// <summary>Patterns, in the order of their coming.</summary>
    public OrderedDictionary<string, ModelSubscription> Patterns { get; } = [];

    public Dictionary<string, string> EpochsKnown { get; } = [];

    public Dictionary<string, (string Epoch, ulong Offset)> Positions { get; } = [];

    /// <summary>What the step under way brings it.</summary>
    public List<string> Expects { get; } = [];

    public bool Covers(string channel) => Gets(channel) != 0;

    /// <summary>What any of its subscriptions wants of a channel.</summary>
    public Wanted Gets(string channel) => Patterns.Values.Append(Own.GetValueOrDefault(channel)).Aggregate((Wanted)0, (all, one) => all | one.Wants);

    // However many subscriptions cover a channel, one delivers: its own, else the first pattern.
    public bool IsToldPositions(string channel) => Own.TryGetValue(channel, out var own) ? own.IsTold : Patterns.Count > 0 && Patterns.GetAt(0).Value.IsTold;
}

/// <summary>A subscription: whether it is told positions, and what it wants.</summary>
internal readonly record struct ModelSubscription(bool IsTold, Wanted Wants);

/// <summary>A third of all publications is red, a third is blue, and a third has no tag.</summary>
internal static class Tags
{
    public static string[] Of(int number) => (number % 3) switch { 0 => ["red"], 1 => ["blue"], _ => [] };

    public static bool Has(this Wanted wanted, (ulong Offset, int Number) publication) => ((int)wanted & (1 << (publication.Number % 3))) != 0;
}
