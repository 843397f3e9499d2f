using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.FrontEnd.Presence;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Tests.Channels;
using OrleansNotify.Tests.Delivery;

namespace OrleansNotify.Tests.FrontEnd.Presence;

/// <summary>What a front-end tells a channel's grain of its own connections.</summary>
public sealed class LocalMembersTests
{
    // Once: each makes a meter, to which every server of this process would listen.
    private static readonly NotifyMetrics Metrics = TestMetrics.Create();

    private readonly LocalMembers _members = new();
    private readonly List<Subscription> _subscriptions = [];
    private long _number;

    [Fact]
    public void Only_what_has_changed_is_told()
    {
        Enter(3, 1, 2);
        Assert.Equal("0: +c1 +c2 +c3, limit 9", Next());
        Assert.False(_members.IsBehind);
        Enter(4);
        Exit(2);
        Enter(2, 5);
        Exit(5); // came and went
        Assert.True(_members.IsBehind);
        Assert.Equal("1: +c2 +c4 -c5, limit 9", Next());
    }

    [Fact]
    public void Told_anew_those_who_were_taken_before_come_first_and_no_limit_is_for_them()
    {
        Enter(1, 2);
        Next();
        Enter(3);
        _members.BeginAnew();

        Assert.Equal("0: +c1 +c2, limit 0", Next());
        Assert.True(_members.IsBehind);
        Assert.Equal("2: +c3, limit 9", Next(refused: "c3"));
        _members.BeginAnew();
        Assert.Equal("0: +c1 +c2, limit 0", Next());
        Assert.Equal("4: +c3, limit 9", Next()); // it was refused: it is as new as before
    }

    [Fact]
    public void A_long_list_told_anew_comes_in_parts_and_is_whole_with_the_last()
    {
        Enter([.. Enumerable.Range(1, 1200)]);
        while (_members.IsBehind)
            Next();
        _members.BeginAnew();
        var parts = new List<PresenceAnnouncement>();
        while (_members.IsBehind)
            parts.Add(Announce());

        Assert.Equal([500, 500, 200], parts.Select(part => part.Joined.Length));
        Assert.Equal([true, true, false], parts.Select(part => part.More));
        Assert.Equal([0, parts[0].Number, parts[1].Number], parts.Select(part => part.Base));
        Assert.Equal([false, false, true], parts.Select(part => part.Asks));
        Assert.Equal(1200, parts.SelectMany(part => part.Joined).Select(member => member.Connection).Distinct().Count());
    }

    [Fact]
    public void Nobody_is_told_where_nobody_ever_was()
    {
        _members.BeginAnew();
        Assert.False(_members.IsBehind);
    }

    private void Enter(params int[] numbers)
    {
        foreach (var number in numbers)
        {
            var sink = new ManualSink();
            var time = new FakeTimeProvider();
            var connection = new Connection(number, $"c{number}", "websocket", time.GetUtcNow(), JsonWebSocketFormat.Instance, sink, new Outbox(sink, Metrics, time, maxBytes: 100), new SubscriptionCounts());
            _subscriptions.Add(new Subscription(connection, "room", null));
            _members.Enter(_subscriptions[^1]);
        }
    }

    private void Exit(int number) => _members.Exit(_subscriptions.Last(subscription => subscription.Connection.Number == number));

    private string Next(params string[] refused)
    {
        var told = Announce(refused);
        return $"{told.Base}: {string.Join(' ', told.Joined.Select(member => "+" + member.Connection).Concat(told.Left.Select(id => "-" + id)))}, limit {told.Limit}";
    }

    private PresenceAnnouncement Announce(params string[] refused)
    {
        var told = _members.Next(FrontEnds.A, ++_number, watches: false, asks: true, limit: 9);
        _members.Taken(told, refused);
        return told;
    }
}
