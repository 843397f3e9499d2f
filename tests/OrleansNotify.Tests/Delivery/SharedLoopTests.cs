using OrleansNotify.AspNetCore.Delivery;

namespace OrleansNotify.Tests.Delivery;

public sealed class SharedLoopTests
{
    [Fact]
    public void Each_index_is_done_once_and_all_are_done_when_it_returns()
    {
        var random = new Random(7);
        for (var run = 0; run < 3_000; run++)
        {
            var done = new int[random.Next(1, 1_000)];
            SharedLoop.Run(done.Length, (from, to) =>
            {
                for (var i = from; i < to; i++)
                    done[i]++; // a second thread at the same index would show sooner or later
            });
            Assert.All(done, times => Assert.Equal(1, times));
        }
    }

    [Fact]
    public void A_second_thread_takes_part()
    {
        using var met = new Barrier(2);
        var together = 0;
        SharedLoop.Run(SharedLoop.Worthwhile, (_, _) =>
        {
            if (met.SignalAndWait(TimeSpan.FromSeconds(10)))
                Interlocked.Increment(ref together);
        });
        Assert.Equal(2, together);
    }

    [Fact]
    public void It_returns_when_the_last_helper_is_done()
    {
        var caller = Environment.CurrentManagedThreadId;
        using var met = new Barrier(2);
        var isHelperDone = false;
        SharedLoop.Run(SharedLoop.Worthwhile, (_, _) =>
        {
            met.SignalAndWait(TimeSpan.FromSeconds(10));
            if (Environment.CurrentManagedThreadId == caller)
                return;
            var since = TimeProvider.System.GetTimestamp();
            SpinWait.SpinUntil(() => TimeProvider.System.GetElapsedTime(since) > TimeSpan.FromMilliseconds(50)); // longer than the caller's block
            isHelperDone = true;
        });
        Assert.True(isHelperDone);
    }

    [Fact]
    public void What_a_body_throws_is_thrown_once_the_rest_is_done()
    {
        var done = 0;
        var thrown = Assert.Throws<InvalidOperationException>(() => SharedLoop.Run(1_000, (from, to) =>
        {
            Interlocked.Add(ref done, to - from);
            if (from == 0)
                throw new InvalidOperationException("first");
        }));
        Assert.Equal(("first", 1_000), (thrown.Message, done));
    }
}
