using OrleansNotify.AspNetCore.FrontEnd;

namespace OrleansNotify.Tests.FrontEnd;

public sealed class SubscriptionCountsTests
{
    private readonly SubscriptionCounts _counts = new();

    [Fact]
    public void Changes_are_told_once_and_an_end_as_zero()
    {
        _counts.Connected();
        _counts.Subscribed("a");
        _counts.Subscribed("a");
        _counts.Subscribed("b");
        Assert.Equal(1, _counts.TakeChanges().Connections);
        _counts.Unsubscribed("b");
        _counts.Unsubscribed("a");

        var (_, changes) = _counts.TakeChanges();

        Assert.Equal([("a", 1), ("b", 0)], changes.OrderBy(c => c.Key).Select(c => (c.Key, c.Value)));
        Assert.Empty(_counts.TakeChanges().Channels);
        Assert.Equal([("a", 1)], _counts.TakeAll().Channels.Select(c => (c.Key, c.Value)));
    }

    [Fact]
    public void Unlisted_channels_count_as_subscriptions_but_not_per_channel()
    {
        _counts.Subscribed("@system");
        _counts.Subscribed("#42");
        Assert.Equal(2, _counts.Subscriptions);
        Assert.Empty(_counts.TakeAll().Channels);
        _counts.Unsubscribed("@system");
        Assert.Equal(1, _counts.Subscriptions);
    }

    [Fact]
    public async Task A_change_completes_the_wait_and_a_take_begins_a_new_one()
    {
        var changed = _counts.Changed;
        Assert.False(changed.IsCompleted);
        _counts.Connected();
        await changed;
        Assert.True(_counts.Changed.IsCompleted);
        _counts.TakeChanges();
        Assert.False(_counts.Changed.IsCompleted);
    }

    [Fact]
    public async Task After_any_number_of_threads_nothing_is_left()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 5000; i++)
            {
                _counts.Connected();
                _counts.Subscribed($"c{i % 7}");
                if (i % 100 == 0)
                    _counts.TakeChanges();
                _counts.Unsubscribed($"c{i % 7}");
                _counts.Disconnected();
            }
        })));

        Assert.Equal((0, 0L), (_counts.Connections, _counts.Subscriptions));
        Assert.Empty(_counts.TakeAll().Channels);
    }
}
