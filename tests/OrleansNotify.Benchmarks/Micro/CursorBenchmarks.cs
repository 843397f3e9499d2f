using BenchmarkDotNet.Attributes;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>What does the cursor of a channel cost per publication that comes in order, and when each two come the wrong way round, beside trusting the stream?</summary>
[MemoryDiagnoser]
public class CursorBenchmarks
{
    private const int Count = 1_000;

    private readonly ChannelPublications[] _inOrder = Publications.InOrder(Count);
    private readonly ChannelPublications[] _swapped = [.. Publications.InOrder(Count).Chunk(2).SelectMany(pair => pair.Reverse())];
    private readonly List<Publication> _deliver = new(Count);

    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public int Trust()
    {
        _deliver.Clear();
        foreach (var batch in _inOrder)
            _deliver.AddRange(batch.Items);
        return _deliver.Count;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public int AcceptInOrder() => Accept(_inOrder);

    [Benchmark(OperationsPerInvoke = Count)]
    public int AcceptSwapped() => Accept(_swapped);

    private int Accept(ChannelPublications[] batches)
    {
        var cursor = new ChannelCursor();
        _deliver.Clear();
        cursor.Place(new ChannelPosition(Publications.Epoch, 0), _deliver);
        foreach (var batch in batches)
            cursor.Accept(batch, _deliver);
        return _deliver.Count;
    }
}
