using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.FrontEnd;

/// <summary>One channel of a front-end, with its real grain, in an order that sessions and lanes have only now and then.</summary>
public sealed partial class LocalChannelTests : IAsyncLifetime
{
    private readonly System.Threading.Channels.Channel<AttachAnswer> _answers = System.Threading.Channels.Channel.CreateUnbounded<AttachAnswer>();
    private readonly TextSink _sink = new();
    private RunningServer _server = null!;
    private Connection _connection = null!;
    private AttachedChannels _attached = null!;
    private LocalChannel _channel = null!;

    public async Task InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        T Its<T>()
            where T : notnull => _server.Services.GetRequiredService<T>();
        var (metrics, time) = (Its<NotifyMetrics>(), Its<TimeProvider>());
        _connection = new Connection(1, "0-1", "websocket", time.GetUtcNow(), JsonWebSocketFormat.Instance, _sink, new Outbox(_sink, metrics, time, maxBytes: 10_000), new SubscriptionCounts());
        _attached = new AttachedChannels(time);
        _channel = new LocalChannel("chat.a", new(
            Its<ChannelCalls>(),
            _attached,
            new ConnectionTable(),
            Its<ChannelNamespaces>(),
            Its<ChannelLimitOptions>(),
            metrics,
            time,
            new EventBatch(metrics),
            new EventBatch(metrics),
            (_, work) => Assert.True(_answers.Writer.TryWrite((AttachAnswer)work)),
            _ => { },
            ConnectionsPerUser: 10));
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task What_a_subscription_has_brought_is_not_recovered_while_it_goes()
    {
        var own = new Subscription(_connection, "chat.a", new SubscribeCommand(default, "chat.a", null, null, false));
        Assert.Null(_connection.TryAdd(own, 10));
        _channel.Join(own);
        var attached = await _answers.Reader.ReadAsync();
        _channel.Accept(attached);
        var epoch = attached.Reply!.Position.Epoch;
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
    public async Task It_knows_where_it_is_attached_and_as_what_until_it_is_let_go()
    {
        _channel.Attach();
        var attached = await _answers.Reader.ReadAsync();
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
        var again = await _answers.Reader.ReadAsync();
        _channel.Accept(again);
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

    // Of a pattern whose lanes have it.
    private Subscription Recovery(ChannelEpoch epoch)
    {
        Assert.True(ChannelPattern.TryParse("chat.*", out var pattern));
        var recovery = new ChannelRecovery("chat.a", new RecoverFrom(epoch, 0));
        var by = new PatternSubscription(new Subscription(_connection, "chat.*", new SubscribeCommand(default, "chat.*", null, null, true) { Recoveries = [recovery] }), pattern, lanes: 1);
        by.Open(new Frame([]));
        return new Subscription(_connection, "chat.a", new SubscribeCommand(default, "chat.a", null, recovery.From, true)) { By = by };
    }

    private void Bring(ChannelEpoch epoch, ulong offset)
    {
        _channel.Accept(new ChannelPublications("chat.a", epoch, [new Publication($"evt_{offset}", offset, "1"u8.ToArray(), PayloadShape.Value, DateTimeOffset.UnixEpoch)]));
        _channel.Deliver();
    }

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
