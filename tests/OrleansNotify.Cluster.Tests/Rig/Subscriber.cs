using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using OrleansNotify.Cluster.Tests.History;
using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>
/// A client as a careful programmer writes it: it recovers from its last position, reconnects to another silo with jitter and back-off, asks a silent server for a
/// sign of life, and repeats a subscribe that was answered with a temporary error. It records all it sees.
/// </summary>
public sealed class Subscriber(string name, IReadOnlyList<Uri> silos, int first, IReadOnlyList<string> channels, RunClock clock) : IDisposable
{
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5); // with events every 50 ms, this long without a frame is suspicious: ping
    private static readonly byte[] Ping = """{"type":"ping"}"""u8.ToArray();

    private readonly Lock _gate = new();
    private readonly Dictionary<string, State> _states = channels.ToDictionary(channel => channel, _ => new State());
    private readonly SemaphoreSlim _sending = new(1);
    private int _silo = first;
    private long _heard;

    /// <summary>Its name in reports.</summary>
    public string Name { get; } = name;

    /// <summary>Which of the silos it is connected to, or trying to.</summary>
    public int Silo => _silo;

    /// <summary>Whether it is subscribed to each of its channels now.</summary>
    public bool IsServed
    {
        get
        {
            lock (_gate)
                return _states.Values.All(state => state.Joined);
        }
    }

    /// <summary>What went wrong that a client cannot mend: a frame that is no frame, a close that says "do not come back". Null: nothing.</summary>
    public string? Complaint { get; private set; }

    /// <summary>How far it has come on a channel; null: it never joined.</summary>
    public ChannelPosition? PositionOf(string channel)
    {
        lock (_gate)
            return _states[channel].Position;
    }

    /// <summary>What it saw so far.</summary>
    public IEnumerable<SubscriberLog> Logs()
    {
        lock (_gate)
            return [.. _states.Select(pair => new SubscriberLog(Name, pair.Key, [.. pair.Value.Seen]))];
    }

    /// <summary>Stays connected until cancelled.</summary>
    public async Task Run(CancellationToken stopping)
    {
        for (var failures = 0; !stopping.IsCancellationRequested && Complaint is null;)
        {
            var served = false;
            using var socket = new ClientWebSocket();
            socket.Options.KeepAliveInterval = TimeSpan.Zero; // it has a ping of its own
            using var session = CancellationTokenSource.CreateLinkedTokenSource(stopping);
            var listening = Task.CompletedTask;
            try
            {
                using (var limit = CancellationTokenSource.CreateLinkedTokenSource(stopping))
                {
                    limit.CancelAfter(ConnectLimit);
                    await socket.ConnectAsync(silos[_silo], limit.Token);
                }

                Hear();
                listening = Watch(socket, session.Token);
                foreach (var channel in channels)
                    await Subscribe(socket, channel, session.Token);
                await Listen(socket, session.Token);
            }
            catch (Exception broken) when (broken is WebSocketException or OperationCanceledException or ObjectDisposedException or IOException)
            {
                // The connection is gone: that is what the loop is for.
            }
            catch (Exception nonsense) when (nonsense is JsonException or InvalidOperationException)
            {
                Complaint = nonsense.Message;
            }

            await session.CancelAsync();
            await listening;
            if (stopping.IsCancellationRequested)
                return;
            served = IsServed;
            End((int?)socket.CloseStatus);
            failures = served ? 0 : failures + 1;
            _silo = (_silo + Random.Shared.Next(1, Math.Max(2, silos.Count))) % silos.Count;
            var most = Math.Min(3_000, 200 << Math.Min(failures, 4));
            try
            {
                await RunClock.Pause(RunClock.Between(most / 4, most), stopping);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _sending.Dispose();

    private async Task Listen(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[16 << 10];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult part;
            do
            {
                if (length == buffer.Length)
                    Array.Resize(ref buffer, buffer.Length * 2);
                part = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
                length += part.Count;
            }
            while (!part.EndOfMessage);
            Hear();
            if (part.MessageType == WebSocketMessageType.Close)
            {
                if ((int)socket.CloseStatus!.Value is (>= 3500 and < 4000) or (>= 4500 and < 5000) or 1002 or 1003 or 1007 or 1009)
                    Complaint = $"closed with {(int)socket.CloseStatus} {socket.CloseStatusDescription}";
                if (socket.State == WebSocketState.CloseReceived)
                    await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, cancellationToken);
                return;
            }

            var frame = ReplyFrame.Read(buffer.AsSpan(0, length));
            if (frame.Type == FrameType.Error)
            {
                if (frame.Code is not (100 or 111) || frame.Channel is null)
                    throw new InvalidOperationException($"refused: {Encoding.UTF8.GetString(buffer.AsSpan(0, length))}");
                _ = SubscribeAgain(socket, frame.Channel, cancellationToken);
            }
            else if (frame.Channel is { } channel)
            {
                Note(channel, frame);
            }
        }
    }

    private void Note(string channel, in ReplyFrame frame)
    {
        lock (_gate)
        {
            var state = _states[channel];
            switch (frame.Type)
            {
                case FrameType.Subscribed:
                    var joined = new ChannelPosition(frame.Epoch!.Value, frame.Offset);
                    state.Seen.Add(new Joined(clock.Now, joined, frame.WasRecovering ? state.Position : null, frame.Recovered));
                    if (!frame.Recovered)
                        state.Position = joined;
                    state.Joined = true;
                    break;
                case FrameType.Position:
                    state.Position = new ChannelPosition(frame.Epoch!.Value, frame.Offset);
                    state.Seen.Add(new Told(clock.Now, state.Position.Value));
                    break;
                case FrameType.Event:
                    state.Seen.Add(new Delivered(clock.Now, frame.Epoch, frame.Offset, frame.Payload));
                    state.Position = new ChannelPosition(frame.Epoch ?? state.Position!.Value.Epoch, frame.Offset);
                    break;
            }
        }
    }

    private async Task Subscribe(ClientWebSocket socket, string channel, CancellationToken cancellationToken)
    {
        ChannelPosition? since;
        lock (_gate)
            since = _states[channel].Position;
        var recover = since is { } position
            ? string.Create(CultureInfo.InvariantCulture, $$""","recover":{"epoch":"{{position.Epoch}}","offset":{{position.Offset}}}""")
            : "";
        await Send(socket, Encoding.UTF8.GetBytes($$"""{"type":"subscribe","channel":"{{channel}}","id":1{{recover}}}"""), cancellationToken);
    }

    private async Task SubscribeAgain(ClientWebSocket socket, string channel, CancellationToken cancellationToken)
    {
        try
        {
            await RunClock.Pause(RunClock.Between(100, 500), cancellationToken);
            await Subscribe(socket, channel, cancellationToken);
        }
        catch (Exception ended) when (ended is OperationCanceledException or WebSocketException or ObjectDisposedException)
        {
            // The session ended meanwhile; the next one subscribes anew.
        }
    }

    /// <summary>Asks a silent server for a sign of life, and gives it up when none comes.</summary>
    private async Task Watch(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        try
        {
            for (var pinged = false; ;)
            {
                await RunClock.Pause(TimeSpan.FromSeconds(1), cancellationToken);
                var silent = clock.Now - TimeSpan.FromTicks(Volatile.Read(ref _heard));
                if (silent > Silence * 2 && pinged)
                {
                    socket.Abort();
                    return;
                }

                if (silent <= Silence)
                    pinged = false;
                else if (!pinged)
                {
                    pinged = true;
                    await Send(socket, Ping, cancellationToken);
                }
            }
        }
        catch (Exception ended) when (ended is OperationCanceledException or WebSocketException or ObjectDisposedException)
        {
            // The session ended.
        }
    }

    private async Task Send(ClientWebSocket socket, byte[] utf8, CancellationToken cancellationToken)
    {
        await _sending.WaitAsync(cancellationToken);
        try
        {
            await socket.SendAsync(utf8, WebSocketMessageType.Text, true, cancellationToken);
        }
        finally
        {
            _sending.Release();
        }
    }

    private void Hear() => Volatile.Write(ref _heard, clock.Now.Ticks);

    private void End(int? code)
    {
        lock (_gate)
        {
            foreach (var state in _states.Values)
            {
                state.Joined = false;
                state.Seen.Add(new Ended(clock.Now, code));
            }
        }
    }

    private sealed class State
    {
        public List<Seen> Seen { get; } = [];

        public ChannelPosition? Position { get; set; }

        public bool Joined { get; set; }
    }
}
