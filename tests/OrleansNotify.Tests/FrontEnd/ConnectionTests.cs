using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Protocol;
using OrleansNotify.Tests.Delivery;

namespace OrleansNotify.Tests.FrontEnd;

public class ConnectionTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private readonly SubscriptionCounts _counts = new();
    private readonly NotingKeeper _keeper = new();
    private readonly Connection _connection;

    public ConnectionTests()
    {
        var sink = new ManualSink();
        _connection = new Connection(1, "0-1", "websocket", _time.GetUtcNow(), JsonWebSocketFormat.Instance, sink, new Outbox(sink, TestMetrics.Create(), _time, maxBytes: 100), _counts) { Keeper = _keeper };
    }

    [Fact]
    public void One_that_has_ended_takes_no_more_subscriptions()
    {
        Assert.Null(_connection.TryAdd(To("a"), 10));
        Assert.Equal(["a"], _connection.RemoveAll().Select(subscription => subscription.Channel));

        Assert.Equal(NotifyError.NotAvailable, _connection.TryAdd(To("b"), 10));

        Assert.Empty(_connection.RemoveAll());
    }

    [Fact]
    public void Subscriptions_are_taken_away_as_their_tokens_expire()
    {
        var now = _time.GetUtcNow();
        Assert.Equal(long.MaxValue, _connection.NextExpiry);
        foreach (var (channel, seconds) in new[] { ("late", 20), ("soon", 10), ("later", 30) })
            Assert.Null(_connection.TryAdd(To(channel, now.AddSeconds(seconds)), 10));
        Assert.Null(_connection.TryAdd(To("never"), 10));
        Assert.Equal(now.AddSeconds(10).UtcTicks, _connection.NextExpiry);

        Assert.Equal(["late", "soon"], _connection.RemoveExpired(now.AddSeconds(20)).Select(subscription => subscription.Channel));
        Assert.Equal(now.AddSeconds(30).UtcTicks, _connection.NextExpiry);
        Assert.Equal(["later"], _connection.RemoveExpired(now.AddSeconds(30)).Select(subscription => subscription.Channel));
        Assert.Equal((long.MaxValue, 1), (_connection.NextExpiry, _connection.SubscriptionCount));
    }

    [Fact]
    public void Who_looks_after_it_is_told_once_that_something_waits_until_he_has_looked()
    {
        _connection.Waits();
        _connection.Waits();
        Assert.Equal(["waits"], _keeper.Told);

        _connection.WaitsNoMore();
        _connection.Waits();
        Assert.Equal(["waits", "waits"], _keeper.Told);
    }

    [Fact]
    public void Who_looks_after_it_is_told_whenever_a_token_says_for_how_long_something_is_allowed()
    {
        _connection.Identity = Identity.WithoutToken("ada");
        Assert.Equal(["hurry"], _keeper.Told);
        Assert.Null(_connection.TryAdd(To("ever"), 10));
        Assert.Equal(["hurry"], _keeper.Told);

        _connection.RevocationsChecked = 3;
        Assert.Null(_connection.TryAdd(To("a", _time.GetUtcNow()), 10));
        Assert.Equal(["hurry", "hurry"], _keeper.Told);
        Assert.Equal(-1, _connection.RevocationsChecked);
        _connection.RevocationsChecked = 3;
        _connection.CheckRevocations();
        Assert.Equal((3, -1L), (_keeper.Told.Count, _connection.RevocationsChecked));
    }

    [Fact]
    public void It_asks_to_be_closed_once()
    {
        _connection.Close(DisconnectCode.Slow, "slow");
        _connection.Close(DisconnectCode.NoPong, "silent");

        Assert.Equal(["close Slow slow"], _keeper.Told);
    }

    [Fact]
    public void Its_subscriptions_count_while_it_has_them()
    {
        Assert.Null(_connection.TryAdd(To("a"), 10));
        Assert.Null(_connection.TryAdd(To("b", _time.GetUtcNow()), 10));
        Assert.Null(_connection.TryAdd(To("c"), 10));
        Assert.Null(_connection.TryAdd(To("d"), 10));
        Assert.NotNull(_connection.TryAdd(To("a"), 10));
        Assert.NotNull(_connection.TryAdd(To("e"), limit: 4));
        Assert.Equal("a b c d", Counted());

        _connection.Remove("a");
        Assert.Null(_connection.Remove("a"));
        Assert.Equal("b c d", Counted());
        _connection.RemoveExpired(_time.GetUtcNow());
        Assert.Equal("c d", Counted());
        _connection.RemoveWhere(subscription => subscription.Channel == "c");
        Assert.Equal("d", Counted());
        _connection.RemoveAll();
        Assert.NotNull(_connection.TryAdd(To("f"), 10)); // it has ended
        Assert.Equal(("", 0L), (Counted(), _counts.Subscriptions));
    }

    private string Counted() => string.Join(' ', _counts.Peek().Channels.OrderBy(count => count.Key, StringComparer.Ordinal).Select(count => count.Value == 1 ? count.Key : $"{count.Key}×{count.Value}"));

    private Subscription To(string channel, DateTimeOffset? expires = null) =>
        new(_connection, channel, null) { Grant = expires is { } until ? new(new("ada", channel, until, null, null, null), until) : null };

    private sealed class NotingKeeper : IConnectionKeeper
    {
        public List<string> Told { get; } = [];

        public void Close(Connection connection, DisconnectCode code, string reason) => Told.Add($"close {code} {reason}");

        public void Hurry(Connection connection) => Told.Add("hurry");

        public void Waits(Connection connection) => Told.Add("waits");
    }
}
