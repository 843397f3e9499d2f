using BenchmarkDotNet.Attributes;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>What does one envelope cost in the queue of a front-end, written and taken in batches of 512, beside a bare array that is filled and copied?</summary>
[MemoryDiagnoser]
public class FrontEndQueueBenchmarks
{
    private const int Count = 512;

    private readonly StreamEnvelope _envelope = new(
        StreamEnvelope.CurrentVersion,
        new ChannelPublications("notifications", default, [new Publication("evt", 1, new byte[100], PayloadShape.Object, default)]),
        null);

    private readonly StreamEnvelope[] _array = new StreamEnvelope[Count];

    private readonly FrontEndQueue _queue =
        new(SiloAddress.FromParsableString("127.0.0.1:1@1"), new FrontEndStreamOptions { MaxBatchBytes = 4 << 20 }, NullLogger.Instance);

    [Benchmark(Baseline = true, OperationsPerInvoke = Count)]
    public object FillAndCopyAnArray()
    {
        for (var i = 0; i < Count; i++)
            _array[i] = _envelope;
        return _array.Clone();
    }

    [Benchmark(OperationsPerInvoke = Count)]
    public object? WriteAndTake()
    {
        for (var i = 0; i < Count; i++)
            _queue.TryWrite(_envelope);
        return _queue.TryTake();
    }
}
