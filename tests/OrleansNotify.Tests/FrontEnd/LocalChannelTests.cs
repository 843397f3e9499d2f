using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Channels;

namespace OrleansNotify.Tests.FrontEnd;

/// <summary>One channel of a front-end, with its real grain, in an order that sessions and lanes have only now and then.</summary>
public sealed partial class LocalChannelTests : IAsyncLifetime
{
    private readonly System.Threading.Channels.Channel<object> _work = System.Threading.Channels.Channel.CreateUnbounded<object>();
    private readonly TextSink _sink = new();
    private RunningServer _server = null!;
    private Connection _connection = null!;
    private AttachedChannels _attached = null!;
    private LocalChannel.Surroundings _world = null!;
    private LocalChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        T Its<T>()
            where T : notnull => _server.Services.GetRequiredService<T>();
        var (metrics, time) = (Its<NotifyMetrics>(), Its<TimeProvider>());
        _connection = new Connection(1, "0-1", "websocket", time.GetUtcNow(), JsonWebSocketFormat.Instance, _sink, new Outbox(_sink, metrics, time, maxBytes: 10_000), new SubscriptionCounts());
        _attached = new AttachedChannels(time);
        _world = new(
            Its<ChannelCalls>(),
            _attached,
            new ConnectionTable(),
            Its<ChannelNamespaces>(),
            Its<ChannelLimitOptions>(),
            metrics,
            time,
            new EventBatch(metrics),
            new EventBatch(metrics),
            (_, work) => Assert.True(_work.Writer.TryWrite(work)),
            _ => { },
            ConnectionsPerUser: 10);
        _channel = new LocalChannel("chat.a", _world);
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task What_a_subscription_has_brought_is_not_recovered_while_it_goes()
    {
        var own = Own();
        _channel.Join(own);
        var epoch = (await Attached()).Reply!.Position.Epoch;
        Bring(epoch, 1);

        // The connection has let go of it, the lane has not yet: in between comes the recovery that a pattern asked for.
        Assert.Same(own, _connection.Remove("chat.a"));
        _channel.Join(Recovery(epoch));
        Bring(epoch, 2);
        _channel.Leave(own, new UnsubscribeCommand(default, "chat.a"));
        Bring(epoch, 3);

        Assert.Equal(["subscribed", "event 1", "event 2", "unsubscribed", "event 3"], _sink.Frames);
        Assert.Null(_connection.Own("chat.a"));
    }

    [Fact]
    public async Task What_waits_behind_a_pattern_s_recovery_comes_before_a_subscription_by_name()
    {
        var epoch = await AttachedAt(3);
        _channel.Join(Recovery(epoch));
        Bring(epoch, 4);

        var own = Own();
        _channel.Join(own);
        Bring(epoch, 5);
        await Work(2); // the history, and that there is nothing to wait for any more
        Bring(epoch, 6);

        Assert.Equal(["position", "event 1", "event 2", "event 3", "event 4", "event 5", "subscribed", "event 6"], _sink.Frames);
        Assert.Equal(SubscriptionState.Live, own.State);
    }

    [Fact]
    public async Task What_waits_behind_a_history_is_a_pattern_s_too()
    {
        var epoch = await AttachedAt(3);
        _channel.Include(Pattern());
        var own = Own(history: 2);
        _channel.Join(own);
        Bring(epoch, 4);

        // Its token has expired, say.
        Assert.True(_connection.Remove(own));
        _channel.Leave(own, null);
        Bring(epoch, 5);
        await Work(1);
        Bring(epoch, 6);

        Assert.Equal(["subscribed", "event 2", "event 3", "event 4", "event 5", "event 6"], _sink.Frames);
        Assert.Equal(SubscriptionState.Ended, own.State);
    }

    [Fact]
    public async Task What_waited_behind_a_history_that_cannot_be_read_comes_by_the_pattern()
    {
        var time = new FakeTimeProvider();
        _channel = new LocalChannel("chat.a", _world with { Time = time });
        var epoch = await AttachedAt(3);
        _channel.Include(Pattern());
        _channel.Join(Own(history: 2));
        Bring(epoch, 4);

        var answer = (HistoryAnswer)await Next();
        time.Advance(LocalChannel.JoinPatience + TimeSpan.FromSeconds(1));
        _channel.Accept(Publications(epoch, 5));
        _channel.Accept(answer with { Page = null });
        Bring(epoch, 6);

        Assert.Equal(["event 4", "event 5", "error", "event 6"], _sink.Frames);
    }

    [Fact]
    public async Task While_a_history_waits_for_the_epoch_that_has_begun_the_pattern_delivers()
    {
        var epoch = await AttachedAt(3);
        _channel.Include(Pattern());
        var own = Own(history: 2);
        _channel.Join(own);
        Bring(epoch, 4);
        var ended = (HistoryAnswer)await Next();

        var next = epoch with { StartedAt = epoch.StartedAt + 1 };
        Bring(next, 1);
        _channel.Accept(ended);
        Bring(next, 2);

        Assert.Equal(["event 4", "event 1", "event 2"], _sink.Frames);
        Assert.Equal(SubscriptionState.Joining, own.State);
    }

    [Fact]
    public async Task While_a_history_tells_of_an_epoch_that_has_not_come_yet_the_pattern_delivers()
    {
        var epoch = await AttachedAt(3);
        _channel.Include(Pattern());
        _channel.Join(Own(history: 2));
        Bring(epoch, 4);
        var answer = (HistoryAnswer)await Next();
        var next = epoch with { StartedAt = epoch.StartedAt + 1 };

        _channel.Accept(Publications(epoch, 5));
        _channel.Accept(answer with { Page = answer.Page! with { Position = new(next, 1) } });
        Bring(epoch, 6);
        Bring(next, 1);

        Assert.Equal(["event 4", "event 5", "event 6", "event 1"], _sink.Frames);
    }

    [Fact]
    public async Task Who_leaves_and_comes_again_is_answered_in_that_order()
    {
        var epoch = await AttachedAt(3);
        var first = Own(history: 2);
        _channel.Join(first);
        Assert.Same(first, _connection.Remove("chat.a"));
        _channel.Leave(first, new UnsubscribeCommand(default, "chat.a"));
        _channel.Join(Own());
        Bring(epoch, 4);

        await Work(2);
        Bring(epoch, 5);

        Assert.Equal(["subscribed", "event 2", "event 3", "event 4", "unsubscribed", "subscribed", "event 5"], _sink.Frames);
    }

    [Fact]
    public async Task A_channel_given_to_who_has_it_by_a_pattern_comes_once()
    {
        var epoch = await AttachedAt(0);
        _channel.Include(Pattern());
        Bring(epoch, 1);

        var given = new Subscription(_connection, "chat.a", null);
        Assert.Null(_connection.TryAdd(given, 10));
        _channel.Join(given);
        Bring(epoch, 2);
        Assert.True(_connection.Remove(given));
        _channel.Leave(given, null);
        Bring(epoch, 3);

        Assert.Equal(["event 1", "event 2", "event 3"], _sink.Frames);
    }

    [Fact]
    public async Task A_channel_given_unasked_is_waited_for_longer_than_one_that_was_asked_for()
    {
        var time = new FakeTimeProvider();
        _channel = new LocalChannel("chat.a", _world with { Time = time });
        var given = new Subscription(_connection, "chat.a", null) { Joined = new TaskCompletionSource() };
        Assert.Null(_connection.TryAdd(given, 10));
        _channel.Join(given);

        var answer = (AttachAnswer)await Next();
        time.Advance(LocalChannel.JoinPatience);
        _channel.Accept(answer with { Reply = null });
        Assert.True(given.Joined.Task.IsCompleted, "The session that begins is held up no longer.");

        time.Advance(TimeSpan.FromSeconds(2)); // it is tried again
        Bring((await Attached()).Reply!.Position.Epoch, 1);
        Assert.Equal(["event 1"], _sink.Frames);
    }

    [Fact]
    public async Task Who_asks_for_a_channel_is_not_made_impatient_by_who_was_given_it()
    {
        var time = new FakeTimeProvider();
        _channel = new LocalChannel("chat.a", _world with { Time = time });
        _channel.Join(new Subscription(_connection, "chat.a", null));
        time.Advance(LocalChannel.JoinPatience - TimeSpan.FromSeconds(1));
        _channel.Join(Own());

        var answer = (AttachAnswer)await Next();
        time.Advance(TimeSpan.FromSeconds(2));
        _channel.Accept(answer with { Reply = null });
        time.Advance(TimeSpan.FromSeconds(2)); // it is tried again
        await Attached();

        Assert.Equal(["subscribed"], _sink.Frames);
    }

    [Fact]
    public async Task It_knows_where_it_is_attached_and_as_what_until_it_is_let_go()
    {
        _channel.Attach();
        var attached = (AttachAnswer)await Next();
        var host = attached.Reply!.Host;
        Assert.False(_channel.IsOn(host));

        _channel.Accept(attached);
        Assert.True(_channel.IsOn(host));
        Assert.False(_channel.IsOn(SiloAddress.New(System.Net.IPAddress.Loopback, 1, 1)));
        Assert.Equal(new AttachedChannel("chat.a", attached.Number), _channel.AttachedAs);
        Assert.Equal(BeatVerdict.Fits, Heard(1, AttachmentHash.Of("chat.a", attached.Number)));

        // A call that has not been answered changes nothing.
        _channel.Attach();
        Assert.Equal(new AttachedChannel("chat.a", attached.Number), _channel.AttachedAs);
        var again = await Attached();
        Assert.Equal(new AttachedChannel("chat.a", again.Number), _channel.AttachedAs);
        Assert.Equal(BeatVerdict.Fits, Heard(1, AttachmentHash.Of("chat.a", again.Number)));

        Assert.False(_channel.DetachIfIdle(TimeSpan.Zero));
        Assert.True(_channel.DetachIfIdle(TimeSpan.Zero));
        Assert.False(_channel.IsOn(host));
        Assert.Equal(BeatVerdict.Fits, Heard(0, 0));

        // Twice: the first difference may be a call under way.
        BeatVerdict Heard(int count, ulong hash)
        {
            _attached.Heard(new Beat(host, 0, [], [], count, hash));
            return _attached.Heard(new Beat(host, 0, [], [], count, hash));
        }
    }

    [Fact]
    public void Whoever_has_gone_before_the_lane_knows_it_is_not_taken_in()
    {
        var lane = new ChannelLane(_ => _world, Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
        var own = Own();

        lane.Accept(new Addressed("chat.a", new LeaveWork(own, null)));
        lane.Accept(new Addressed("chat.a", own));

        Assert.Equal(SubscriptionState.Ended, own.State);
    }

    private Subscription Own(int? history = null)
    {
        var own = new Subscription(_connection, "chat.a", new SubscribeCommand(default, "chat.a", history, null, history is not null));
        Assert.Null(_connection.TryAdd(own, 10));
        return own;
    }

    // So many publications are in its history.
    private async Task<ChannelEpoch> AttachedAt(int offset)
    {
        for (var n = 1; n <= offset; n++)
            await _server.Services.GetRequiredService<IGrainFactory>().GetGrain<IChannelGrain>("chat.a").Publish([Some.Draft()]);
        _channel.Attach();
        var reply = (await Attached()).Reply!;
        Assert.Equal((ulong)offset, reply.Position.Offset);
        return reply.Position.Epoch;
    }

    private async Task<AttachAnswer> Attached()
    {
        var answer = (AttachAnswer)await Next();
        _channel.Accept(answer);
        return answer;
    }

    private Task<object> Next() => _work.Reader.ReadAsync().AsTask().WaitAsync(Until.DefaultTimeout);

    // As its lane does.
    private async Task Work(int items)
    {
        for (var i = 0; i < items; i++)
        {
            switch (await Next())
            {
                case HistoryAnswer answer:
                    _channel.Accept(answer);
                    break;
                case JoinWaitingWork:
                    _channel.JoinWaiting();
                    break;
            }
        }
    }

    private Subscription Recovery(ChannelEpoch epoch)
    {
        var recovery = new ChannelRecovery("chat.a", new RecoverFrom(epoch, 0));
        return new Subscription(_connection, "chat.a", new SubscribeCommand(default, "chat.a", null, recovery.From, true)) { By = Pattern(recovery) };
    }

    // Its lanes have it.
    private PatternSubscription Pattern(params ChannelRecovery[] recoveries)
    {
        Assert.True(ChannelPattern.TryParse("chat.*", out var pattern));
        var command = new SubscribeCommand(default, "chat.*", null, null, recoveries.Length > 0) { Recoveries = recoveries };
        var by = new PatternSubscription(new Subscription(_connection, "chat.*", command), pattern, lanes: 1);
        by.Open(new Frame([]));
        return by;
    }

    private void Bring(ChannelEpoch epoch, ulong offset)
    {
        _channel.Accept(Publications(epoch, offset));
        _channel.Deliver();
    }

    private static ChannelPublications Publications(ChannelEpoch epoch, ulong offset) =>
        new("chat.a", epoch, [new Publication($"evt_{offset}", offset, "1"u8.ToArray(), PayloadShape.Value, DateTimeOffset.UnixEpoch)]);

    private sealed partial class TextSink : IFrameSink
    {
        private readonly StringBuilder _text = new();

        public IEnumerable<string> Frames => Frame().Matches(_text.ToString()).Select(frame => frame.Groups["type"].Value + (frame.Groups["type"].Value == "event" ? " " + frame.Groups["offset"].Value : ""));

        public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
        {
            _text.Append(Encoding.Latin1.GetString(bytes.Span));
            return ValueTask.CompletedTask;
        }

        public void Close()
        {
        }

        public void Abort()
        {
        }

        [GeneratedRegex("""\{"type":"(?<type>\w+)"(?:[^{]*?"offset":(?<offset>\d+))?""")]
        private static partial Regex Frame();
    }
}
