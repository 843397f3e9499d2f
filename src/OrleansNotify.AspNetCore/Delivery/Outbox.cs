using System.Buffers;
using OrleansNotify.AspNetCore.Telemetry;

namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>
/// What waits for one connection's socket. Bounded by bytes; one write at a time; all that is pending leaves in one write. A connection with
/// nothing pending costs no buffer.
/// </summary>
internal sealed class Outbox(IFrameSink sink, NotifyMetrics metrics, TimeProvider time, long maxBytes)
{
    // One write takes at most this much, so that a large backlog does not rent a large buffer: a socket's send buffer is of this order.
    private const int MaxWriteBytes = 64 << 10;

    private readonly Lock _lock = new();
    private Frame?[] _frames = [];
    private int _head;
    private int _count;
    private long _countedBytes;
    private long _backlogBytes;
    private long _sent;
    private long _writingSince;
    private bool _writing;
    private bool _closed;
    private TaskCompletionSource? _emptied;
    private TaskCompletionSource? _drained;

    /// <summary>Is told when something has to wait.</summary>
    public IOutboxOwner? Owner { get; set; }

    /// <summary>Bytes waiting, the write in flight included.</summary>
    public long PendingBytes
    {
        get
        {
            lock (_lock)
                return _countedBytes + _backlogBytes;
        }
    }

    /// <summary>Publications handed to the socket.</summary>
    public long Sent => Volatile.Read(ref _sent);

    /// <summary>How long the write in flight has not moved; zero when none is.</summary>
    public TimeSpan Stalled
    {
        get
        {
            var since = Volatile.Read(ref _writingSince);
            return since == 0 ? TimeSpan.Zero : time.GetElapsedTime(since);
        }
    }

    /// <summary>Appends a frame and starts a write if none is in flight.</summary>
    /// <returns>False when the bound is hit: nothing was added, the connection is to be closed as slow. True also after the end, when frames go nowhere.</returns>
    public bool TryEnqueue(Frame frame) => TryEnqueue(frame, isBacklog: false);

    /// <summary>Appends recovered publications, which do not count against the bound: the caller waits for <see cref="WaitForRoom"/> between two calls.</summary>
    public void EnqueueBacklog(Frame frame) => TryEnqueue(frame, isBacklog: true);

    /// <summary>Completes when at most <see cref="MaxWriteBytes"/> are pending, or the outbox has ended.</summary>
    public Task WaitForRoom()
    {
        lock (_lock)
        {
            if (_closed || _countedBytes + _backlogBytes <= MaxWriteBytes)
                return Task.CompletedTask;
            return (_drained ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Takes no more frames; the last one goes out behind what is pending, or (<paramref name="discardPending"/>) instead of it.</summary>
    /// <returns>Completes when everything is written or has failed. Calling again adds nothing and returns the same end.</returns>
    public Task Close(Frame? last, bool discardPending = false)
    {
        lock (_lock)
        {
            if (_emptied is null)
            {
                _emptied = new(TaskCreationOptions.RunContinuationsAsynchronously);
                if (!_closed)
                {
                    if (discardPending)
                        Discard();
                    if (last is not null)
                        Append(last, isBacklog: true);
                    _closed = true;
                    _drained?.TrySetResult();
                }
            }
            if (!_writing && _count == 0)
                _emptied.TrySetResult();
        }
        Flush();
        return _emptied.Task;
    }

    private bool TryEnqueue(Frame frame, bool isBacklog)
    {
        lock (_lock)
        {
            if (_closed)
                return true;
            if (!isBacklog && _countedBytes + frame.Bytes.Length > maxBytes && _countedBytes > 0)
                return false;
            Append(frame, isBacklog);
            if (_writing)
                return true;
            _writing = true;
        }
        Write();
        return true;
    }

    private void Flush()
    {
        lock (_lock)
        {
            if (_writing || _count == 0)
                return;
            _writing = true;
        }
        Write();
    }

    // Runs with the write token (_writing) held, on whichever thread found the outbox idle. Whatever a socket throws, its connection is over; the
    // fan-out that brought the frame goes on to the others.
    private void Write()
    {
        while (TryTake(out var batch))
        {
            try
            {
                var write = sink.WriteAsync(batch.Bytes);
                if (!write.IsCompletedSuccessfully)
                {
                    _ = Continue(write, batch);
                    return;
                }
            }
            catch (Exception)
            {
                Fail();
                return;
            }
            Written(batch);
        }
    }

    private async Task Continue(ValueTask write, WriteBatch batch)
    {
        Volatile.Write(ref _writingSince, time.GetTimestamp());
        Owner?.Waits();
        try
        {
            await write.ConfigureAwait(false); // whoever brought the frame, a channel in its turn perhaps, has nothing to do with what follows
        }
        catch (Exception)
        {
            Fail();
            return;
        }
        finally
        {
            Volatile.Write(ref _writingSince, 0);
        }
        Written(batch);
        Write();
    }

    private bool TryTake(out WriteBatch batch)
    {
        lock (_lock)
        {
            if (_count == 0)
            {
                _writing = false;
                _emptied?.TrySetResult();
                batch = default;
                return false;
            }
            var first = _frames[_head]!;
            if (_count == 1 || first.Bytes.Length + _frames[(_head + 1) % _frames.Length]!.Bytes.Length > MaxWriteBytes)
            {
                Pop();
                batch = new WriteBatch(first.Bytes, null, first.Events, first.Bytes.Length);
                return true;
            }
            var length = 0;
            var frames = 0;
            for (; frames < _count; frames++)
            {
                var next = _frames[(_head + frames) % _frames.Length]!.Bytes.Length;
                if (length + next > MaxWriteBytes)
                    break;
                length += next;
            }
            var buffer = ArrayPool<byte>.Shared.Rent(length);
            var at = 0;
            var events = 0;
            for (var i = 0; i < frames; i++)
            {
                var frame = Pop();
                frame.Bytes.CopyTo(buffer, at);
                at += frame.Bytes.Length;
                events += frame.Events;
            }
            batch = new WriteBatch(buffer.AsMemory(0, length), buffer, events, length);
            return true;
        }
    }

    private void Written(in WriteBatch batch)
    {
        if (batch.Rented is not null)
            ArrayPool<byte>.Shared.Return(batch.Rented);
        if (batch.Events > 0)
        {
            Volatile.Write(ref _sent, _sent + batch.Events); // only the holder of the write token writes
            metrics.Delivered(batch.Events);
        }
        lock (_lock)
            Release(batch.Length);
    }

    // Which of the two kinds was written first does not matter for a bound: backlog is let go first.
    private void Release(int bytes)
    {
        var backlog = Math.Min(_backlogBytes, bytes);
        _backlogBytes -= backlog;
        _countedBytes -= bytes - backlog;
        if (_drained is not null && _countedBytes + _backlogBytes <= MaxWriteBytes)
        {
            _drained.TrySetResult();
            _drained = null;
        }
    }

    private void Fail()
    {
        lock (_lock)
        {
            _closed = true;
            Discard();
            _countedBytes = _backlogBytes = 0;
            _writing = false;
            _drained?.TrySetResult();
            _emptied?.TrySetResult();
        }
        sink.Abort();
    }

    private void Discard()
    {
        while (_count > 0)
            Release(Pop().Bytes.Length);
    }

    private void Append(Frame frame, bool isBacklog)
    {
        if (_count == _frames.Length)
        {
            var larger = new Frame?[Math.Max(2, _frames.Length * 2)];
            for (var i = 0; i < _count; i++)
                larger[i] = _frames[(_head + i) % _frames.Length];
            _frames = larger;
            _head = 0;
        }
        _frames[(_head + _count) % _frames.Length] = frame;
        _count++;
        if (isBacklog)
            _backlogBytes += frame.Bytes.Length;
        else
            _countedBytes += frame.Bytes.Length;
    }

    private Frame Pop()
    {
        var frame = _frames[_head]!;
        _frames[_head] = null;
        _head = (_head + 1) % _frames.Length;
        if (--_count == 0 && _frames.Length > 8)
            _frames = []; // a burst is over: an idle connection keeps no queue
        return frame;
    }

    private readonly record struct WriteBatch(ReadOnlyMemory<byte> Bytes, byte[]? Rented, int Events, int Length);
}
