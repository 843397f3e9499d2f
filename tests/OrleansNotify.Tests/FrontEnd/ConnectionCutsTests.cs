using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Delivery;

namespace OrleansNotify.Tests.FrontEnd;

public class ConnectionCutsTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly ConcurrentQueue<string> _cut = new();

    [Fact]
    public async Task One_is_cut_at_once_and_each_other_after_a_pause()
    {
        var cuts = new ConnectionCuts(_time);
        var all = Enumerable.Range(1, 3).Select(n => cuts.Cut(New(n))).ToArray();
        Assert.Equal(["1"], _cut);

        _time.Advance(ConnectionCuts.Pause);
        await all[0].WaitAsync(Until.DefaultTimeout);
        await Until.True("the second one is cut", () => _cut.Count == 2);

        _time.Advance(ConnectionCuts.Pause / 2);
        Assert.False(all[1].IsCompleted);
        Assert.Equal(["1", "2"], _cut);
        _time.Advance(ConnectionCuts.Pause / 2);
        await all[1].WaitAsync(Until.DefaultTimeout);
        await Until.True("the third one is cut", () => _cut.Count == 3);
    }

    [Fact]
    public async Task One_that_cannot_be_cut_does_not_hold_up_the_next()
    {
        var cuts = new ConnectionCuts(_time);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => cuts.Cut(New(1, fails: true)));

        _ = cuts.Cut(New(2));

        Assert.Equal(["2"], _cut);
    }

    private Connection New(int number, bool fails = false)
    {
        var sink = new CutSink(() => _cut.Enqueue(fails ? throw new ObjectDisposedException("socket") : $"{number}"));
        return new(number, $"0-{number}", "websocket", default, JsonWebSocketFormat.Instance, sink, new Outbox(sink, TestMetrics.Create(), _time, maxBytes: 100), new SubscriptionCounts());
    }

    private sealed class CutSink(Action cut) : IFrameSink
    {
        public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes) => default;

        public void Close()
        {
        }

        public void Abort() => cut();
    }
}
