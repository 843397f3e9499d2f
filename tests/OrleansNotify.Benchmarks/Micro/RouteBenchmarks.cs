using BenchmarkDotNet.Attributes;
using OrleansNotify.Grains.Patterns;
using OrleansNotify.Protocol;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>What does it cost to find the one pattern of many that a channel's name matches, beside asking each of them?</summary>
[MemoryDiagnoser]
public class RouteBenchmarks
{
    private const string Channel = "chat.room-7.messages";

    private readonly PatternIndex<ChannelPattern> _index = new();
    private readonly List<ChannelPattern> _found = [];
    private ChannelPattern[] _patterns = [];

    [Params(10, 10_000)]
    public int Patterns { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        _patterns = [.. Enumerable.Range(0, Patterns).Select(i => ChannelPattern.TryParse($"chat.room-{i}.*", out var pattern) ? pattern : throw new InvalidOperationException("No pattern."))];
        foreach (var pattern in _patterns)
            _index.Add(pattern, pattern);
    }

    [Benchmark(Baseline = true)]
    public int AskEach()
    {
        _found.Clear();
        foreach (var pattern in _patterns)
        {
            if (pattern.Matches(Channel))
                _found.Add(pattern);
        }
        return _found.Count;
    }

    [Benchmark]
    public int Find()
    {
        _found.Clear();
        _index.Find(Channel, _found);
        return _found.Count;
    }
}
