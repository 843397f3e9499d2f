using BenchmarkDotNet.Attributes;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>What does a full ring cost per publication kept, with its bounds by bytes and age, beside a queue that is bounded by count alone?</summary>
[MemoryDiagnoser]
public class HistoryBenchmarks
{
    private const int Size = 100; // Notify:Namespaces:…:HistorySize
    private const int Count = 1_000;

    private readonly Publication[] _publications = [.. Enumerable.Range(1, Count).Select(offset => Publications.Of((ulong)offset))];
    private readonly Queue<Publication> _queue = new(Size + 1);

    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public int QueueOfPublications()
    {
        _queue.Clear();
        foreach (var publication in _publications)
        {
            _queue.Enqueue(publication);
            if (_queue.Count > Size)
                _queue.Dequeue();
        }
        return _queue.Count;
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public int Keep()
    {
        var history = new History(Size, 1 << 20, TimeSpan.FromMinutes(5), TimeProvider.System);
        foreach (var publication in _publications)
            history.Keep(publication, TimeProvider.System.GetTimestamp());
        return history.Count;
    }
}
