using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Streams;

namespace OrleansNotify.Grains.Streaming;

/// <summary>
/// The queues of this silo: one per front-end silo that is joining or active. One each, because a pulling agent pauses its whole queue while a
/// stream registers or a consumer hangs. Thread-safe.
/// </summary>
internal sealed partial class FrontEndQueues(ILocalSiloDetails silo, FrontEndInbox inbox, IOptions<FrontEndStreamOptions> options, ILogger<FrontEndQueues> logger)
{
    private readonly ConcurrentDictionary<SiloAddress, FrontEndQueue> _bySilo = new();
    private readonly ConcurrentDictionary<StreamId, FrontEndQueue> _byStream = new();
    private readonly Lock _changing = new();
    private long _writtenBefore;
    private long _skippedBefore;
    private long _unknown;
    private bool _closed;

    public ICollection<FrontEndQueue> All => _bySilo.Values;

    public long TotalSkipped
    {
        get
        {
            lock (_changing)
                return _skippedBefore + Volatile.Read(ref _unknown) + All.Sum(queue => queue.Status.Skipped);
        }
    }

    public long TotalWritten
    {
        get
        {
            lock (_changing)
                return _writtenBefore + All.Sum(queue => queue.Status.Written);
        }
    }

    public FrontEndQueue? Find(SiloAddress frontEnd) => _bySilo.GetValueOrDefault(frontEnd);

    public FrontEndQueue? Find(StreamId stream) => _byStream.GetValueOrDefault(stream);

    public FrontEndQueue? Find(QueueId id) => All.FirstOrDefault(queue => queue.Id.Equals(id));

    /// <summary>A write to a silo that has no queue: counted as skipped.</summary>
    public void CountUnknown() => Interlocked.Increment(ref _unknown);

    public FrontEndQueueStatus[] PerFrontEnd() => [.. All.Select(queue => queue.Status)];

    /// <summary>Makes the queues those of exactly these silos. What is queued for any other is dropped: its sockets are closed, or it is dead.</summary>
    /// <param name="frontEnds">The silos.</param>
    /// <param name="provider">Where writers get their handles from. Not called inside an activation: the handle would end with it.</param>
    /// <returns>Whether anything changed.</returns>
    public bool Follow(IReadOnlyCollection<SiloAddress> frontEnds, IStreamProvider provider)
    {
        lock (_changing)
        {
            if (_closed)
                return false;
            var changed = false;
            foreach (var gone in _bySilo.Keys.Except(frontEnds).ToArray())
            {
                changed = true;
                _bySilo.TryRemove(gone, out var queue);
                _byStream.TryRemove(queue!.StreamId, out _);
                var dropped = queue.Status.QueuedEnvelopes;
                queue.Close();
                var last = queue.Status;
                _writtenBefore += last.Written;
                _skippedBefore += last.Skipped;
                LogRemoved(gone, dropped);
            }

            foreach (var frontEnd in frontEnds)
            {
                if (_bySilo.ContainsKey(frontEnd))
                    continue;
                changed = true;
                var queue = new FrontEndQueue(frontEnd, options.Value, logger)
                {
                    Stream = provider.GetStream<StreamEnvelope>(FrontEndQueue.StreamOf(frontEnd)),
                    Local = frontEnd.Equals(silo.SiloAddress) ? inbox.DeliverLocal : null,
                };
                _byStream[queue.StreamId] = queue;
                _bySilo[frontEnd] = queue;
                LogAdded(frontEnd);
            }

            return changed;
        }
    }

    /// <summary>The silo stops: no queue is added, none takes anything more. What they have is still delivered.</summary>
    public void Refuse()
    {
        lock (_changing)
        {
            _closed = true;
            foreach (var queue in All)
                queue.Refuse();
        }
    }

    [LoggerMessage(1001, LogLevel.Information, "Front-end {FrontEnd}: stream opened.")]
    private partial void LogAdded(SiloAddress frontEnd);

    [LoggerMessage(1002, LogLevel.Information, "Front-end {FrontEnd}: stream closed, {Dropped} envelopes dropped.")]
    private partial void LogRemoved(SiloAddress frontEnd, int dropped);
}
