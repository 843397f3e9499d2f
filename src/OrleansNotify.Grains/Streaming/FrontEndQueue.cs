using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace OrleansNotify.Grains.Streaming;

/// <summary>
/// What waits on this silo for one front-end: first in, first out, bounded by envelopes and bytes. Any thread writes; one cursor takes.
/// It is queue and cache at once: the agent's receiver is only woken when there is something to take and nobody taking, the cursor takes all that is
/// pending (up to one delivery) straight from here, and so what waits behind a delivery in flight grows into one batch. Where the front-end is this
/// silo's own (<see cref="Local"/>) and nothing waits or is on its way, publications are handed over at once: an agent and its call to the consumer would be two
/// changes of thread for a way within one process.
/// </summary>
internal sealed partial class FrontEndQueue
{
    /// <summary>Namespace of the streams, one per front-end silo.</summary>
    public const string StreamNamespace = "frontend";

    // What a queue keeps allocated when it has run empty after a backlog.
    private const int KeptCapacity = 1_024;

    private readonly Lock _gate = new();
    private readonly Queue<Entry> _entries = new();
    private readonly FrontEndStreamOptions _limits;
    private readonly ILogger _logger;
    private readonly IList<IBatchContainer> _wakeUp;
    private long _bytes;
    private long _written;
    private long _skipped;
    private long _batches;
    private bool _draining;
    private bool _lagging;
    private bool _closed;
    private TaskCompletionSource<IList<IBatchContainer>>? _reader;
    private TaskCompletionSource? _idle;

    public FrontEndQueue(SiloAddress frontEnd, FrontEndStreamOptions limits, ILogger logger)
    {
        FrontEnd = frontEnd;
        _limits = limits;
        _logger = logger;
        StreamId = StreamOf(frontEnd);
        Id = QueueId.GetQueueId(frontEnd.ToParsableString(), 0, (uint)frontEnd.GetConsistentHashCode());
        _wakeUp = [new WakeUp(StreamId)];
    }

    /// <summary>The silo the events are for.</summary>
    public SiloAddress FrontEnd { get; }

    /// <summary>The only stream of this queue.</summary>
    public StreamId StreamId { get; }

    public QueueId Id { get; }

    /// <summary>The handle by which writers reach this queue through the stream provider. Null only where there is no provider.</summary>
    public IAsyncStream<StreamEnvelope>? Stream { get; init; }

    /// <summary>Where the front-end is this silo's own: takes an envelope on the writer's thread. Null for another silo's.</summary>
    public Action<StreamEnvelope>? Local { get; init; }

    public static StreamId StreamOf(SiloAddress frontEnd) => StreamId.Create(StreamNamespace, frontEnd.ToParsableString());

    /// <summary>False: over a bound, or closed; the envelope is skipped and counted.</summary>
    public bool TryWrite(StreamEnvelope envelope)
    {
        if (Local is not null && envelope.Publications is not null && TryPass())
        {
            Local(envelope);
            return true;
        }

        var size = EnvelopeSize.Of(envelope);
        TaskCompletionSource<IList<IBatchContainer>>? reader = null;
        bool accepted, startsLagging = false;
        lock (_gate)
        {
            accepted = !_closed && _entries.Count < _limits.MaxQueuedEnvelopes && (_entries.Count == 0 || _bytes + size <= _limits.MaxQueuedBytes);
            if (accepted)
            {
                _entries.Enqueue(new Entry(envelope, size));
                _bytes += size;
                _written++;
                reader = TakeReader();
            }
            else
            {
                _skipped++;
                startsLagging = !_lagging && !_closed;
                _lagging |= startsLagging;
            }
        }

        reader?.SetResult(_wakeUp);
        if (startsLagging)
            LogLagging(FrontEnd, Status.QueuedEnvelopes, Status.QueuedBytes);
        return accepted;
    }

    /// <summary>Completes when there is something to take and nobody taking. Empty when <see cref="CancelWait"/> is called.</summary>
    public Task<IList<IBatchContainer>> WaitForWork()
    {
        lock (_gate)
        {
            if (_entries.Count > 0 && !_draining)
            {
                _draining = true;
                return Task.FromResult(_wakeUp);
            }

            // Only the agent of this queue waits here, one wait at a time.
            _reader = new TaskCompletionSource<IList<IBatchContainer>>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _reader.Task;
        }
    }

    /// <summary>Ends a wait that is under way.</summary>
    public void CancelWait()
    {
        TaskCompletionSource<IList<IBatchContainer>>? reader;
        lock (_gate)
        {
            reader = _reader;
            _reader = null;
        }

        reader?.SetResult([]);
    }

    /// <summary>Takes all that is pending, as far as it fits one delivery. Null: nothing is; the next write wakes the receiver.</summary>
    public EnvelopeBatch? TryTake()
    {
        lock (_gate)
        {
            if (_entries.Count == 0)
            {
                EndDrain();
                _lagging = false;
                if (_entries.Capacity > KeptCapacity)
                    _entries.TrimExcess(KeptCapacity);
                return null;
            }

            _draining = true;
            var items = new StreamEnvelope[CountForOneDelivery()];
            for (var i = 0; i < items.Length; i++)
            {
                var entry = _entries.Dequeue();
                items[i] = entry.Envelope;
                _bytes -= entry.Size;
            }

            return new EnvelopeBatch(StreamId, ++_batches, items);
        }
    }

    /// <summary>Whoever took from this queue has gone, perhaps before it was empty: the receiver may be woken again.</summary>
    public void AbandonDrain()
    {
        TaskCompletionSource<IList<IBatchContainer>>? reader;
        lock (_gate)
        {
            EndDrain();
            reader = _entries.Count > 0 ? TakeReader() : null;
        }

        reader?.SetResult(_wakeUp);
    }

    /// <summary>Completes when the queue is empty and its last delivery has been answered.</summary>
    public Task WhenIdle()
    {
        lock (_gate)
        {
            if (_entries.Count == 0 && !_draining)
                return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    /// <summary>Takes nothing more; what is queued is still delivered.</summary>
    public void Refuse()
    {
        lock (_gate)
            _closed = true;
    }

    /// <summary>Takes nothing more; what is queued is dropped. Calling twice is safe.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            _entries.Clear();
            _bytes = 0;
            if (!_draining)
                EndDrain();
        }
    }

    /// <summary>A consistent view of the counters.</summary>
    public FrontEndQueueStatus Status
    {
        get
        {
            lock (_gate)
                return new FrontEndQueueStatus(FrontEnd, _entries.Count, _bytes, _written, _skipped);
        }
    }

    // A channel's publications are written one after the other, so what was written before has come when this says yes.
    private bool TryPass()
    {
        lock (_gate)
        {
            if (_closed || _draining || _entries.Count > 0)
                return false;
            _written++;
            return true;
        }
    }

    private TaskCompletionSource<IList<IBatchContainer>>? TakeReader()
    {
        if (_draining || _reader is null)
            return null;
        var reader = _reader;
        _reader = null;
        _draining = true;
        return reader;
    }

    private void EndDrain()
    {
        _draining = false;
        if (_entries.Count > 0)
            return;
        _idle?.SetResult();
        _idle = null;
    }

    private int CountForOneDelivery()
    {
        var count = 0;
        long bytes = 0;
        foreach (var entry in _entries)
        {
            bytes += entry.Size;
            if (count > 0 && (count == _limits.MaxBatchEnvelopes || bytes > _limits.MaxBatchBytes))
                break;
            count++;
        }

        return count;
    }

    private readonly record struct Entry(StreamEnvelope Envelope, int Size);

    [LoggerMessage(1003, LogLevel.Warning, "Front-end {FrontEnd} is lagging: {Envelopes} envelopes, {Bytes} bytes wait for it. Further ones are skipped until it has taken them.")]
    private partial void LogLagging(SiloAddress frontEnd, int envelopes, long bytes);
}
