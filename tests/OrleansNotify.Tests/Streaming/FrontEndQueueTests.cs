using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Tests.Streaming;

public class FrontEndQueueTests
{
    private static readonly SiloAddress Silo = SiloAddress.FromParsableString("127.0.0.1:20001@1");

    private static readonly int Overhead = EnvelopeSize.Of(Envelopes.Of("w", 1, payload: 0));

    private static FrontEndQueue Queue(int envelopes = 1_000, int bytes = 1 << 20, int batchEnvelopes = 512, int batchBytes = 1 << 20) =>
        new(Silo, new() { MaxQueuedEnvelopes = envelopes, MaxQueuedBytes = bytes, MaxBatchEnvelopes = batchEnvelopes, MaxBatchBytes = batchBytes }, NullLogger.Instance);

    [Fact]
    public void What_was_written_is_taken_in_that_order_and_in_one_batch()
    {
        var queue = Queue();
        for (var i = 1; i <= 5; i++)
            Assert.True(queue.TryWrite(Envelopes.Of("w", (ulong)i)));

        var batch = queue.TryTake();

        Assert.Equal(Envelopes.Numbers(1, 5), batch!.Items.Select(Envelopes.Number));
        Assert.Null(queue.TryTake());
    }

    [Fact]
    public void To_the_silo_s_own_front_end_publications_pass_at_once_unless_something_waits_or_is_on_its_way()
    {
        var passed = new List<ulong>();
        var queue = new FrontEndQueue(Silo, new(), NullLogger.Instance) { Local = envelope => passed.Add(envelope.Number()) };
        var beat = new StreamEnvelope(StreamEnvelope.CurrentVersion, null, new Beat(Silo, 1, [], [], 0, 0));

        Assert.True(queue.TryWrite(Envelopes.Of("w", 1)));
        Assert.Equal([1UL], passed);
        Assert.True(queue.TryWrite(beat)); // beats take their way through the queue, behind what was there before them
        Assert.True(queue.TryWrite(Envelopes.Of("w", 2)));
        var batch = queue.TryTake()!;
        Assert.True(queue.TryWrite(Envelopes.Of("w", 3))); // while a delivery is under way

        Assert.Equal([1UL], passed);
        Assert.Equal([beat, batch.Items[1]], batch.Items);
        Assert.Equal(2UL, batch.Items[1].Number());
        Assert.Equal([3UL], queue.TryTake()!.Items.Select(Envelopes.Number));
        Assert.Null(queue.TryTake());
        Assert.True(queue.TryWrite(Envelopes.Of("w", 4)));
        Assert.Equal([1UL, 4], passed);
        Assert.Equal((5L, 0L, 0), (queue.Status.Written, queue.Status.Skipped, queue.Status.QueuedEnvelopes));
        queue.Refuse();
        Assert.False(queue.TryWrite(Envelopes.Of("w", 5)));
        Assert.Equal([1UL, 4], passed);
    }

    [Fact]
    public void The_bound_on_envelopes_is_exact()
    {
        var queue = Queue(envelopes: 3);
        Assert.Equal([true, true, true, false], Enumerable.Range(1, 4).Select(i => queue.TryWrite(Envelopes.Of("w", (ulong)i))));
        Assert.Equal(1, queue.Status.Skipped);
        queue.TryTake();
        Assert.True(queue.TryWrite(Envelopes.Of("w", 5)));
    }

    [Fact]
    public void The_bound_on_bytes_is_exact()
    {
        var queue = Queue(bytes: 3 * (Overhead + 100));
        Assert.Equal([true, true, true, false], Enumerable.Range(1, 4).Select(i => queue.TryWrite(Envelopes.Of("w", (ulong)i, payload: 100))));
        Assert.Equal(3 * (Overhead + 100), queue.Status.QueuedBytes);
    }

    [Fact]
    public void An_envelope_larger_than_the_whole_bound_is_taken_by_an_empty_queue_only()
    {
        var queue = Queue(bytes: 1_000);
        Assert.True(queue.TryWrite(Envelopes.Of("w", 1, payload: 5_000)));
        Assert.False(queue.TryWrite(Envelopes.Of("w", 2, payload: 5_000)));
        Assert.Single(queue.TryTake()!.Items);
        Assert.True(queue.TryWrite(Envelopes.Of("w", 3, payload: 5_000)));
    }

    [Fact]
    public void A_wait_ends_at_the_first_write_and_the_next_one_only_when_the_taker_has_found_the_queue_empty()
    {
        var queue = Queue();
        var first = queue.WaitForWork();
        Assert.False(first.IsCompleted);
        queue.TryWrite(Envelopes.Of("w", 1));
        Assert.True(first.IsCompletedSuccessfully);

        var second = queue.WaitForWork();
        queue.TryWrite(Envelopes.Of("w", 2));
        Assert.Equal(2, queue.TryTake()!.Items.Length);
        queue.TryWrite(Envelopes.Of("w", 3)); // while a delivery is under way
        Assert.False(second.IsCompleted);

        Assert.NotNull(queue.TryTake());
        Assert.Null(queue.TryTake());
        queue.TryWrite(Envelopes.Of("w", 4));
        Assert.True(second.IsCompletedSuccessfully);
    }

    [Fact]
    public void A_taker_that_goes_away_before_the_queue_is_empty_leaves_the_rest_to_the_next()
    {
        var queue = Queue(batchEnvelopes: 1);
        queue.TryWrite(Envelopes.Of("w", 1));
        queue.TryWrite(Envelopes.Of("w", 2));
        Assert.True(queue.WaitForWork().IsCompletedSuccessfully);
        queue.TryTake();
        var next = queue.WaitForWork();
        Assert.False(next.IsCompleted);

        queue.AbandonDrain();

        Assert.True(next.IsCompletedSuccessfully);
        Assert.Equal(2UL, queue.TryTake()!.Items.Single().Number());
    }

    [Fact]
    public async Task A_cancelled_read_ends_empty_and_the_next_read_sees_what_came_meanwhile()
    {
        var queue = Queue();
        using var receiver = new FrontEndQueueReceiver(queue);
        using var stopping = new CancellationTokenSource();
        var read = receiver.GetQueueMessagesAsync(1, stopping.Token);
        Assert.False(read.IsCompleted);

        await stopping.CancelAsync();

        Assert.Empty(await read.WaitAsync(TimeSpan.FromSeconds(10)));
        queue.TryWrite(Envelopes.Of("w", 1));
        Assert.Single(await receiver.GetQueueMessagesAsync(1, CancellationToken.None));
    }

    [Fact]
    public async Task A_queue_is_idle_when_it_is_empty_and_its_last_delivery_is_answered()
    {
        var queue = Queue();
        Assert.True(queue.WhenIdle().IsCompleted);
        queue.TryWrite(Envelopes.Of("w", 1));
        var idle = queue.WhenIdle();
        queue.TryTake();
        Assert.False(idle.IsCompleted); // the batch is on its way

        queue.TryTake(); // the cursor asks again when the answer has come

        await idle.WaitAsync(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_closed_queue_takes_nothing_and_holds_nothing()
    {
        var queue = Queue();
        queue.TryWrite(Envelopes.Of("w", 1));
        queue.Close();
        Assert.False(queue.TryWrite(Envelopes.Of("w", 2)));
        Assert.Null(queue.TryTake());
        Assert.True(queue.WhenIdle().IsCompleted);
        Assert.Equal(new FrontEndQueueStatus(Silo, 0, 0, Written: 1, Skipped: 1), queue.Status);
    }

    /// <summary>Against a plain list: order, both bounds, both merge limits, the byte account.</summary>
    [Fact]
    public void The_queue_does_what_a_list_with_the_same_limits_does()
    {
        var operation = Gen.Select(Gen.Int[0, 3], Gen.Int[0, 300]);
        Gen.Select(Gen.Int[1, 12], Gen.Int[500, 3_000], Gen.Int[1, 6], Gen.Int[300, 2_000], operation.Array[0, 80]).Sample((envelopes, bytes, batchEnvelopes, batchBytes, operations) =>
        {
            var queue = Queue(envelopes, bytes, batchEnvelopes, batchBytes);
            var model = new List<(ulong Number, int Size)>();
            ulong number = 0;
            foreach (var (kind, payload) in operations)
            {
                if (kind < 3)
                {
                    var envelope = Envelopes.Of("w", ++number, payload);
                    var size = EnvelopeSize.Of(envelope);
                    var fits = model.Count < envelopes && (model.Count == 0 || model.Sum(item => item.Size) + size <= bytes);
                    Assert.Equal(fits, queue.TryWrite(envelope));
                    if (fits)
                        model.Add((number, size));
                }
                else
                {
                    TakeBoth(queue, model, batchEnvelopes, batchBytes);
                }

                Assert.Equal((model.Count, model.Sum(item => (long)item.Size)), (queue.Status.QueuedEnvelopes, queue.Status.QueuedBytes));
            }

            while (model.Count > 0)
                TakeBoth(queue, model, batchEnvelopes, batchBytes);
            Assert.Null(queue.TryTake());
            Assert.Equal((0, 0L), (queue.Status.QueuedEnvelopes, queue.Status.QueuedBytes));
            Assert.Equal((long)number, queue.Status.Written + queue.Status.Skipped);
        });
    }

    private static void TakeBoth(FrontEndQueue queue, List<(ulong Number, int Size)> model, int batchEnvelopes, int batchBytes)
    {
        var expected = new List<ulong>();
        var taken = 0;
        foreach (var (number, size) in model)
        {
            taken += size;
            if (expected.Count > 0 && (expected.Count == batchEnvelopes || taken > batchBytes))
                break;
            expected.Add(number);
        }

        model.RemoveRange(0, expected.Count);
        Assert.Equal(expected, queue.TryTake()?.Items.Select(Envelopes.Number) ?? []);
    }

    /// <summary>Four writers, and one agent that waits and takes as Orleans' does: nothing lost, nothing twice, each writer in order, no lost wake-up.</summary>
    [Fact]
    public async Task Under_contention_every_accepted_envelope_is_taken_once_in_its_writers_order()
    {
        const int Writers = 4, Each = 100_000;
        var queue = Queue(envelopes: 500, batchEnvelopes: 4);
        var accepted = new long[Writers];
        using var stopping = new CancellationTokenSource();
        var reading = Task.Run(() => ReadAll(queue, stopping.Token));

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() =>
        {
            for (ulong i = 1; i <= Each; i++)
            {
                if (queue.TryWrite(Envelopes.Of($"w{writer}", i)))
                    accepted[writer]++;
                else
                    Thread.Yield();
            }
        })));
        await queue.WhenIdle().WaitAsync(TimeSpan.FromSeconds(30));
        await stopping.CancelAsync();
        var taken = await reading.WaitAsync(TimeSpan.FromSeconds(30));

        for (var writer = 0; writer < Writers; writer++)
        {
            var numbers = taken.Where(item => item.Writer() == $"w{writer}").Select(Envelopes.Number).ToList();
            Assert.Equal(accepted[writer], numbers.Count);
            Assert.Equal(numbers.Distinct().Order(), numbers);
        }

        Assert.Equal(new FrontEndQueueStatus(Silo, 0, 0, accepted.Sum(), (Writers * Each) - accepted.Sum()), queue.Status);
    }

    private static async Task<List<StreamEnvelope>> ReadAll(FrontEndQueue queue, CancellationToken stopping)
    {
        using var receiver = new FrontEndQueueReceiver(queue);
        var cache = new FrontEndQueueCache(queue);
        var cursor = cache.TryGetCacheCursor(queue.StreamId, null).Cursor!;
        var taken = new List<StreamEnvelope>();
        while ((await receiver.GetQueueMessagesAsync(1, stopping)).Count > 0)
        {
            while (cursor.MoveNextWithResult() == Orleans.Streams.QueueCacheCursorMoveResult.Success)
                taken.AddRange(((EnvelopeBatch)cursor.GetCurrent(out _)!).Items);
        }

        return taken;
    }
}
