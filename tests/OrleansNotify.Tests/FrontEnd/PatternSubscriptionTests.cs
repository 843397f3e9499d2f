using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Protocol;
using OrleansNotify.Tests.Delivery;

namespace OrleansNotify.Tests.FrontEnd;

public sealed class PatternSubscriptionTests
{
    private readonly List<byte> _sent = [];
    private readonly PatternSubscription _subscription;

    public PatternSubscriptionTests()
    {
        var time = new FakeTimeProvider();
        var sink = new Sink(_sent);
        var connection = new Connection(1, "0-1", "websocket", time.GetUtcNow(), JsonWebSocketFormat.Instance, sink, new Outbox(sink, TestMetrics.Create(), time, maxBytes: 100), new SubscriptionCounts());
        Assert.True(ChannelPattern.TryParse("a.*", out var pattern));
        var command = new SubscribeCommand(default, "a.*", null, null, false) { Recoveries = [new("a.1", new RecoverFrom(null, 1))] };
        _subscription = new PatternSubscription(new Subscription(connection, "a.*", command), pattern, lanes: 2);
    }

    [Fact]
    public void What_comes_before_the_last_lane_waits_for_the_reply()
    {
        Assert.False(_subscription.LaneJoined());
        _subscription.Send(new Frame([2]));
        Assert.Empty(_sent);
        Assert.True(_subscription.LaneJoined());
        _subscription.Send(new Frame([3]));

        _subscription.Open(new Frame([1]));
        _subscription.Send(new Frame([4]));

        Assert.Equal([1, 2, 3, 4], _sent);
    }

    [Fact]
    public void It_has_left_with_the_first_lane_and_is_answered_with_the_last()
    {
        Assert.False(_subscription.HasLeft);
        Assert.False(_subscription.LaneLeft());
        Assert.True(_subscription.HasLeft);
        Assert.True(_subscription.LaneLeft());
    }

    [Fact]
    public void A_listed_channel_waits_for_its_recovery()
    {
        Assert.True(_subscription.IsRecovering("a.1"));
        Assert.False(_subscription.IsRecovering("a.2"));
        _subscription.Recovered("a.1");
        Assert.False(_subscription.IsRecovering("a.1"));
    }

    private sealed class Sink(List<byte> sent) : IFrameSink
    {
        public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
        {
            sent.AddRange(bytes.Span);
            return ValueTask.CompletedTask;
        }

        public void Close()
        {
        }

        public void Abort()
        {
        }
    }
}
