using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Patterns;

/// <summary>What this silo knows of the patterns of all front-ends. Thread-safe.</summary>
internal sealed class PatternTable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<SiloAddress, Known> _frontEnds = [];
    private readonly PatternIndex<SiloAddress> _index = new();

    /// <summary>Takes a change.</summary>
    /// <returns>False when it is not the next one.</returns>
    public bool Change(SiloAddress frontEnd, long number, IEnumerable<string> added, IEnumerable<string> removed)
    {
        lock (_lock)
        {
            if (!_frontEnds.TryGetValue(frontEnd, out var known))
                _frontEnds[frontEnd] = known = new Known();
            if (number <= known.Number)
                return true;
            if (number > known.Number + 1)
                return false;
            known.Number = number;
            foreach (var pattern in removed)
                Remove(frontEnd, known, pattern);
            foreach (var pattern in added)
                Add(frontEnd, known, pattern);
            return true;
        }
    }

    /// <summary>Takes all patterns of a front-end, unless something newer is known.</summary>
    public void Replace(SiloAddress frontEnd, FrontEndPatterns patterns)
    {
        lock (_lock)
        {
            if (!_frontEnds.TryGetValue(frontEnd, out var known))
                _frontEnds[frontEnd] = known = new Known();
            if (patterns.Number < known.Number)
                return;
            known.Number = patterns.Number;
            foreach (var pattern in known.Patterns.Keys.Except(patterns.Patterns).ToArray())
                Remove(frontEnd, known, pattern);
            foreach (var pattern in patterns.Patterns)
                Add(frontEnd, known, pattern);
        }
    }

    /// <summary>The front-end's silo is dead.</summary>
    public void Forget(SiloAddress frontEnd)
    {
        lock (_lock)
        {
            if (!_frontEnds.Remove(frontEnd, out var known))
                return;
            foreach (var pattern in known.Patterns.Keys.ToArray())
                Remove(frontEnd, known, pattern);
        }
    }

    /// <summary>The front-ends that want a channel by pattern, each once.</summary>
    public SiloAddress[] Wanting(string channel)
    {
        lock (_lock)
        {
            if (_index.IsEmpty)
                return [];
            var found = new HashSet<SiloAddress>();
            _index.Find(channel, found);
            return [.. found];
        }
    }

    private void Add(SiloAddress frontEnd, Known known, string text)
    {
        // A pattern that this version cannot read matches nothing.
        if (!known.Patterns.ContainsKey(text) && ChannelPattern.TryParse(text, out var pattern))
        {
            known.Patterns.Add(text, pattern);
            _index.Add(pattern, frontEnd);
        }
    }

    private void Remove(SiloAddress frontEnd, Known known, string text)
    {
        if (known.Patterns.Remove(text, out var pattern))
            _index.Remove(pattern, frontEnd);
    }

    private sealed class Known
    {
        public long Number { get; set; }

        public Dictionary<string, ChannelPattern> Patterns { get; } = new(StringComparer.Ordinal);
    }
}
