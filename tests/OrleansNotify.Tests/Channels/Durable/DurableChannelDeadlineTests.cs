using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Orleans.Serialization;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels.Durable;

/// <summary>A durable channel without a silo, by a clock that stands until it is moved: nothing waits for the store longer than it may, and stopping waits as long as it must.</summary>
public sealed class DurableChannelDeadlineTests : IDurableOwner
{
    private static readonly GrainId Id = GrainId.Create("channel", "d:x");

    private static readonly LogEntryCodec Codec = new(
        new ServiceCollection().AddSerializer(s => s.AddAssembly(typeof(ChannelLog).Assembly)).BuildServiceProvider().GetRequiredService<Serializer<LogEntry[]>>());

    private readonly TestStore _store = new();
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly TaskScheduler _turns = new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler; // as the grain's: one turn after the other
    private readonly List<ulong> _visible = [];
    private readonly StorageBreaker _breaker;
    private readonly DurableChannel _channel;

    public DurableChannelDeadlineTests()
    {
        _breaker = new StorageBreaker(_time);
        var world = new DurableSurroundings(_store, Codec, _breaker, new ChannelEpochs(() => 1, _time), _time, NullLogger<DurableChannel>.Instance);
        _channel = new DurableChannel(this, () => new ChannelLog(_store, Id, Codec), world, new NamespaceOptions { Class = ChannelClass.Durable });
    }

    string IDurableOwner.Name => "d:x";

    [Fact]
    public async Task Stopping_waits_for_the_commit_under_way_and_takes_no_more()
    {
        await Open();
        var (reached, write) = Gate();
        var publish = Publish("1");
        await Within(reached);

        var stop = Turn(_channel.Stop);
        Assert.Equal(PublishRefusal.NotAccepted, (await Within(Publish("late"))).Refusal);
        Assert.False(stop.IsCompleted);
        write.SetResult();

        await Within(stop);
        Assert.Equal(1UL, (await Within(publish)).Position.Offset);
        Assert.Equal([1UL], _visible);
    }

    [Fact]
    public async Task Stopping_does_not_wait_longer_than_the_deadline()
    {
        await TakeAllOpenings();
        await Turn(Start);
        var stop = Turn(_channel.Stop);
        await Advance(Deadline - TimeSpan.FromMilliseconds(1));
        Assert.False(stop.IsCompleted);

        await Advance(TimeSpan.FromMilliseconds(1));

        await Within(stop);
    }

    [Fact]
    public async Task Whoever_asks_for_a_channel_that_cannot_be_opened_is_answered_at_the_deadline()
    {
        await TakeAllOpenings();
        await Turn(Start);
        var asked = Turn(_channel.WhenOpen);

        await Advance(Deadline);

        await TimesOut(asked);
    }

    [Fact]
    public async Task A_front_end_that_shows_more_than_the_channel_has_is_answered_at_the_deadline()
    {
        var first = await OpenAndPublish();
        await TakeAllOpenings();
        var shown = Turn(() => _channel.IsSuperseded(first with { Offset = 2 }));

        await Advance(Deadline);

        await TimesOut(shown);
    }

    [Fact]
    public async Task A_log_whose_reading_hangs_counts_as_away_at_the_deadline_and_is_opened_again()
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.BeforeRead = _ =>
        {
            reached.TrySetResult();
            return new TaskCompletionSource().Task;
        };
        await Turn(Start);
        await Within(reached.Task);
        var waiting = Publish("1");

        await Advance(Deadline);

        Assert.Equal(PublishRefusal.NotAccepted, (await Within(waiting)).Refusal);
        Assert.True(_breaker.IsTripped);
        _store.ComeBack();
        await Until.True("the log is open", async () =>
        {
            await Advance(TimeSpan.FromMilliseconds(250));
            return !_breaker.IsTripped;
        });
        Assert.Equal(1UL, (await Within(Publish("1"))).Position.Offset);
    }

    [Fact]
    public async Task A_new_epoch_whose_writing_hangs_counts_as_away_at_the_deadline()
    {
        var first = await OpenAndPublish();
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writes = 0;
        _store.BeforeWrite = _ =>
        {
            if (++writes == 1)
                return Task.CompletedTask; // the generation; what comes then is the new epoch
            reached.TrySetResult();
            return new TaskCompletionSource().Task;
        };
        var shown = Turn(() => _channel.IsSuperseded(first with { Offset = 2 }));
        await Within(reached.Task);

        await Advance(Deadline);

        await Until.True("the store counts as away", () => _breaker.IsTripped);
        await Until.True("the front-end is answered", () => shown.IsFaulted);
    }

    [Fact]
    public async Task What_has_waited_too_long_for_its_commit_was_not_accepted()
    {
        await TakeAllOpenings();
        await Turn(Start);
        var early = Publish("1");
        await Advance(CommitQueue.Patience + TimeSpan.FromMilliseconds(1));
        var late = Publish("2");
        await Turn(() => Task.CompletedTask);

        _breaker.Opening.Release();

        Assert.Equal(PublishRefusal.NotAccepted, (await Within(early)).Refusal);
        Assert.Equal(1UL, (await Within(late)).Position.Offset);
    }

    void IDurableOwner.Opened(ChannelSequence sequence)
    {
    }

    void IDurableOwner.Visible(Publication[] publications) => _visible.AddRange(publications.Select(p => p.Offset));

    void IDurableOwner.End()
    {
    }

    private static TimeSpan Deadline => DurableChannel.StoreDeadline;

    private static Task<T> Within<T>(Task<T> task) => task.WaitAsync(Until.DefaultTimeout);

    private static Task Within(Task task) => task.WaitAsync(Until.DefaultTimeout);

    // Not by a limit on the test's side, which would be the same exception.
    private static async Task TimesOut(Task task)
    {
        await Until.True("it is answered", () => task.IsCompleted);
        await Assert.ThrowsAsync<TimeoutException>(() => task);
    }

    private Task Start()
    {
        _channel.Start();
        return Task.CompletedTask;
    }

    private async Task Open()
    {
        await Turn(Start);
        await Within(Turn(_channel.WhenOpen));
    }

    private async Task<ChannelPosition> OpenAndPublish()
    {
        await Open();
        return (await Within(Publish("1"))).Position;
    }

    private async Task<PublishResult> Publish(string text) => (await Turn(() => _channel.Publish([Some.Draft(text)]).AsTask()))[0];

    // A turn of its own: what the turns before it wait for has been given its timer.
    private Task Advance(TimeSpan time) => Turn(() =>
    {
        _time.Advance(time);
        return Task.CompletedTask;
    });

    private async Task TakeAllOpenings()
    {
        while (_breaker.Opening.CurrentCount > 0)
            await _breaker.Opening.WaitAsync();
    }

    private (Task Reached, TaskCompletionSource Write) Gate()
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var write = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.BeforeWrite = _ =>
        {
            reached.TrySetResult();
            return write.Task;
        };
        return (reached.Task, write);
    }

    private Task Turn(Func<Task> part) => Task.Factory.StartNew(part, CancellationToken.None, TaskCreationOptions.None, _turns).Unwrap();

    private Task<T> Turn<T>(Func<Task<T>> part) => Task.Factory.StartNew(part, CancellationToken.None, TaskCreationOptions.None, _turns).Unwrap();
}
