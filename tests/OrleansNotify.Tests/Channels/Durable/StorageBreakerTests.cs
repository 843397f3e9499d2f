using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels.Durable;

public sealed class StorageBreakerTests
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    private readonly FakeTimeProvider _time = new();
    private readonly StorageBreaker _breaker;

    public StorageBreakerTests()
    {
        SynchronizationContext.SetSynchronizationContext(null); // so that all that is due has run when the clock has been moved
        _breaker = new StorageBreaker(_time);
    }

    [Fact]
    public async Task Nobody_waits_for_a_store_that_has_not_failed()
    {
        Assert.False(_breaker.IsTripped);
        await Within(_breaker.WaitForTurn());
    }

    [Fact]
    public async Task Of_those_that_wait_one_tries_after_a_pause_and_all_go_on_when_it_succeeds()
    {
        _breaker.Failed();
        var waiting = Waiting(3);
        _time.Advance(Pause - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, Going(waiting));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, Going(waiting));
        _time.Advance(Pause);
        Assert.Equal(1, Going(waiting));

        _breaker.Succeeded();

        Assert.False(_breaker.IsTripped);
        await Within(Task.WhenAll(waiting));
    }

    [Fact]
    public void When_the_one_that_tried_has_failed_the_next_one_tries()
    {
        _breaker.Failed();
        var waiting = Waiting(3);
        _time.Advance(Pause);
        _breaker.Failed();
        Assert.Equal(1, Going(waiting));
        _time.Advance(Pause);
        Assert.Equal(2, Going(waiting));
        Assert.True(_breaker.IsTripped);
    }

    [Fact]
    public void When_nothing_is_heard_of_the_one_that_tries_another_one_does_after_3_seconds()
    {
        _breaker.Failed();
        var waiting = Waiting(3);
        _time.Advance(Pause);
        for (var i = 0; i < 11; i++)
            _time.Advance(Pause);
        Assert.Equal(1, Going(waiting));
        _time.Advance(Pause);
        Assert.Equal(2, Going(waiting));
    }

    private Task[] Waiting(int count) => [.. Enumerable.Range(0, count).Select(_ => _breaker.WaitForTurn())];

    private static int Going(Task[] waiting) => waiting.Count(w => w.IsCompletedSuccessfully);

    private static Task Within(Task task) => task.WaitAsync(Until.DefaultTimeout);
}
