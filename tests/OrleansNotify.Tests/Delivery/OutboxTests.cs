using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Delivery;

namespace OrleansNotify.Tests.Delivery;

public class OutboxTests
{
    private readonly ManualSink _sink = new();
    private readonly FakeTimeProvider _time = new();
    private readonly Outbox _outbox;

    public OutboxTests() => _outbox = new Outbox(_sink, TestMetrics.Create(), _time, maxBytes: 100);

    [Fact]
    public void What_gathers_behind_a_write_leaves_in_one_write_in_order()
    {
        Assert.True(_outbox.TryEnqueue(Frame(1, 10)));
        Assert.True(_outbox.TryEnqueue(Frame(2, 20)));
        Assert.True(_outbox.TryEnqueue(Frame(3, 30)));
        Assert.Equal([10], _sink.Lengths);

        _sink.Complete();

        Assert.Equal([10, 50], _sink.Lengths);
        Assert.Equal([.. Enumerable.Repeat((byte)2, 20), .. Enumerable.Repeat((byte)3, 30)], _sink.Writes[1]);
        _sink.Complete();
        Assert.Equal(0, _outbox.PendingBytes);
        Assert.Equal(3, _outbox.Sent);
    }

    [Fact]
    public void The_frame_that_would_pass_the_bound_is_refused_and_the_one_that_meets_it_is_not()
    {
        Assert.True(_outbox.TryEnqueue(Frame(1, 60)));
        Assert.True(_outbox.TryEnqueue(Frame(2, 40)));

        Assert.False(_outbox.TryEnqueue(Frame(3, 1)));

        Assert.Equal(100, _outbox.PendingBytes);
    }

    [Fact]
    public async Task Recovered_frames_do_not_count_and_are_asked_for_as_room_comes()
    {
        for (var i = 0; i < 3; i++)
            _outbox.EnqueueBacklog(Frame(1, 40 << 10));
        var room = _outbox.WaitForRoom();
        Assert.False(room.IsCompleted);
        Assert.True(_outbox.TryEnqueue(Frame(2, 100)));

        _sink.Complete();
        Assert.False(room.IsCompleted);
        _sink.Complete();

        await room.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.True(_outbox.PendingBytes <= 64 << 10);
    }

    [Fact]
    public async Task The_farewell_is_the_last_frame_and_nothing_is_taken_behind_it()
    {
        _outbox.TryEnqueue(Frame(1, 10));
        _outbox.TryEnqueue(Frame(2, 10));
        var closed = _outbox.Close(new Frame([9, 9]));
        Assert.True(_outbox.TryEnqueue(Frame(3, 10)));
        Assert.False(closed.IsCompleted);

        _sink.Complete();
        _sink.Complete();

        await closed.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Equal([10, 12], _sink.Lengths);
        Assert.Equal([9, 9], _sink.Writes[1][^2..]);
    }

    [Fact]
    public async Task A_slow_one_gets_its_farewell_instead_of_what_waited()
    {
        _outbox.TryEnqueue(Frame(1, 10));
        _outbox.TryEnqueue(Frame(2, 80));
        var closed = _outbox.Close(new Frame([9]), discardPending: true);
        _sink.Complete();
        _sink.Complete();

        await closed.WaitAsync(TimeSpan.FromSeconds(5));
        Assert.Equal([10, 1], _sink.Lengths);
    }

    [Fact]
    public void A_write_that_does_not_move_shows_as_stalled_for_just_so_long()
    {
        Assert.Equal(TimeSpan.Zero, _outbox.Stalled);
        _outbox.TryEnqueue(Frame(1, 10));
        _time.Advance(TimeSpan.FromSeconds(7));
        Assert.Equal(TimeSpan.FromSeconds(7), _outbox.Stalled);

        _sink.Complete();

        Assert.Equal(TimeSpan.Zero, _outbox.Stalled);
    }

    [Fact]
    public void Its_owner_is_told_of_a_write_that_the_socket_does_not_take_at_once_and_of_no_other()
    {
        var owner = new CountingOwner();
        var atOnce = new Outbox(new CollectingSink(), TestMetrics.Create(), _time, maxBytes: 100) { Owner = owner };
        atOnce.TryEnqueue(Frame(1, 10));
        Assert.Equal(0, owner.Waits);

        _outbox.Owner = owner;
        _outbox.TryEnqueue(Frame(1, 10));
        _outbox.TryEnqueue(Frame(2, 10));
        Assert.Equal(1, owner.Waits);
        _sink.Complete();
        Assert.Equal(2, owner.Waits);
    }

    [Fact]
    public async Task A_lost_socket_ends_the_outbox_and_leaves_nothing_counted()
    {
        _outbox.TryEnqueue(Frame(1, 10));
        _outbox.TryEnqueue(Frame(2, 10));

        _sink.Fail();

        Assert.True(_sink.Aborted);
        Assert.Equal(0, _outbox.PendingBytes);
        await _outbox.Close(null).WaitAsync(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task Many_threads_lose_nothing_and_each_keeps_its_order()
    {
        var sink = new CollectingSink();
        var outbox = new Outbox(sink, TestMetrics.Create(), TimeProvider.System, maxBytes: long.MaxValue);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(writer => Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
                outbox.TryEnqueue(new Frame([(byte)writer, (byte)i, (byte)(i >> 8)], 1));
        })));
        await outbox.Close(null).WaitAsync(TimeSpan.FromSeconds(10));

        var all = sink.Bytes.Chunk(3).ToList();
        Assert.Equal(20_000, all.Count);
        for (var writer = 0; writer < 4; writer++)
            Assert.Equal(Enumerable.Range(0, 5_000), all.Where(c => c[0] == writer).Select(c => c[1] | (c[2] << 8)));
        Assert.Equal(20_000, outbox.Sent);
        Assert.Equal(0, outbox.PendingBytes);
    }

    private static Frame Frame(byte content, int length) => new([.. Enumerable.Repeat(content, length)], 1);

    private sealed class CollectingSink : IFrameSink
    {
        public List<byte> Bytes { get; } = [];

        public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
        {
            Bytes.AddRange(bytes.Span);
            if (Bytes.Count % 7 == 0)
                await Task.Yield();
        }

        public void Close()
        {
        }

        public void Abort()
        {
        }
    }

    private sealed class CountingOwner : IOutboxOwner
    {
        public int Waits { get; private set; }

        void IOutboxOwner.Waits() => Waits++;
    }
}

/// <summary>A socket whose writes complete when the test says so.</summary>
internal sealed class ManualSink : IFrameSink
{
    private TaskCompletionSource? _write;

    public List<byte[]> Writes { get; } = [];

    public IEnumerable<int> Lengths => Writes.Select(w => w.Length);

    public bool Aborted { get; private set; }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        Assert.True(_write is null or { Task.IsCompleted: true }, "one write at a time");
        Writes.Add(bytes.ToArray());
        _write = new TaskCompletionSource();
        return new ValueTask(_write.Task);
    }

    public void Complete() => AsASocketDoes(() => _write!.SetResult());

    public void Fail() => AsASocketDoes(() => _write!.SetException(new IOException("reset")));

    public void Close()
    {
    }

    public void Abort() => Aborted = true;

    // On a thread of no context: what follows then runs within the call.
    private static void AsASocketDoes(Action completion)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        completion();
        SynchronizationContext.SetSynchronizationContext(context);
    }
}
