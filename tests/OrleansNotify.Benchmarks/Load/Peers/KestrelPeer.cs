using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OrleansNotify.AspNetCore.Transports.WebSocket;

namespace OrleansNotify.Benchmarks.Load.Peers;

/// <summary>
/// The least that one can do with Kestrel: one message made per publication and sent to every socket of the channel by the thread of the request. By the
/// platform's WebSocket, or over the bare connection after the HTTP upgrade, with frames made here, once for all. No history, no offsets, no recovery, no cluster, no bound on what waits for a client that does not read.
/// </summary>
internal static class KestrelPeer
{
    private static readonly ConcurrentDictionary<string, Audience> Audiences = new();

    public static WebApplication Build(WebApplicationBuilder builder, bool upgrade)
    {
        var app = builder.Build();
        if (!upgrade)
            app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.Run(context => context.Request.Method == "POST" ? Publish(context, upgrade) : upgrade ? ServeUpgraded(context) : Serve(context));
        return app;
    }

    private static async Task Publish(HttpContext context, bool upgrade)
    {
        var posted = await JsonSerializer.DeserializeAsync(context.Request.Body, PeerJson.Default.PeerEvent, context.RequestAborted);
        if (Audiences.TryGetValue(posted!.Channel, out var audience))
        {
            var message = Message("event", posted.Channel, posted.Data["m"]);
            if (upgrade)
                message = Frame(message);
            foreach (var listener in audience.Listeners)
                listener.Send(message);
        }
        await Peer.Accept(context);
    }

    private static async Task Serve(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var listener = new Listener(message => socket.SendAsync(message, WebSocketMessageType.Text, true, CancellationToken.None));
        var joined = new List<Audience>();
        var buffer = new byte[512];
        try
        {
            while (true)
            {
                await socket.ReceiveAsync(Memory<byte>.Empty, context.RequestAborted); // no memory is held by the platform while nothing comes
                var received = await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted);
                if (received.MessageType == WebSocketMessageType.Close)
                    break;
                listener.Send(Subscribe(listener, buffer.AsMemory(0, received.Count), joined));
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // the client has gone
        }
        joined.ForEach(audience => audience.Remove(listener));
    }

    private static async Task ServeUpgraded(HttpContext context)
    {
        await using var stream = await WebSocketHandshake.Accept(context, subProtocol: null);
        var listener = new Listener(frame => stream.WriteAsync(frame));
        var joined = new List<Audience>();
        var head = new byte[6]; // of a frame from the generator: of at most 125 bytes, masked
        var payload = new byte[125];
        try
        {
            while (await stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false) == head.Length && (head[0] & 0x0F) != 8)
            {
                var length = head[1] & 0x7F;
                await stream.ReadExactlyAsync(payload, 0, length);
                for (var i = 0; i < length; i++)
                    payload[i] ^= head[2 + i % 4];
                listener.Send(Frame(Subscribe(listener, payload.AsMemory(0, length), joined)));
            }
        }
        catch (IOException)
        {
            // the client has gone
        }
        joined.ForEach(audience => audience.Remove(listener));
    }

    private static byte[] Subscribe(Listener listener, ReadOnlyMemory<byte> text, List<Audience> joined)
    {
        using var command = JsonDocument.Parse(text);
        var channel = command.RootElement.GetProperty("channel").GetString()!;
        var audience = Audiences.GetOrAdd(channel, _ => new Audience());
        audience.Add(listener);
        joined.Add(audience);
        return Message("subscribed", channel, null);
    }

    // RFC 6455 5.2: a final text frame, not masked.
    private static byte[] Frame(byte[] message) => message.Length < 126
        ? [0x81, (byte)message.Length, .. message]
        : [0x81, 126, (byte)(message.Length >> 8), (byte)message.Length, .. message];

    private static byte[] Message(string type, string channel, string? text)
    {
        using var stream = new MemoryStream(512);
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("type"u8, type);
            json.WriteString("channel"u8, channel);
            if (text is not null)
            {
                json.WriteStartObject("data"u8);
                json.WriteString("m"u8, text);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        return stream.ToArray();
    }

    private sealed class Audience
    {
        private readonly HashSet<Listener> _set = [];
        private ImmutableArray<Listener>? _listeners;

        public ImmutableArray<Listener> Listeners
        {
            get
            {
                lock (_set)
                    return _listeners ??= ImmutableArray.CreateRange(_set);
            }
        }

        public void Add(Listener listener) => Change(() => _set.Add(listener));

        public void Remove(Listener listener) => Change(() => _set.Remove(listener));

        private void Change(Func<bool> change)
        {
            lock (_set)
            {
                change();
                _listeners = null;
            }
        }
    }

    // A connection takes one send at a time: what comes meanwhile waits here.
    private sealed class Listener(Func<ReadOnlyMemory<byte>, ValueTask> write)
    {
        private readonly Lock _gate = new();
        private Queue<byte[]>? _waiting; // most never have anything waiting
        private bool _sending;

        public void Send(byte[] message)
        {
            lock (_gate)
            {
                if (_sending)
                {
                    (_waiting ??= new Queue<byte[]>()).Enqueue(message);
                    return;
                }
                _sending = true;
            }
            _ = SendAll(message);
        }

        private async Task SendAll(byte[] message)
        {
            try
            {
                while (true)
                {
                    await write(message);
                    lock (_gate)
                    {
                        if (_waiting is null || !_waiting.TryDequeue(out message!))
                        {
                            _sending = false;
                            return;
                        }
                    }
                }
            }
            catch (Exception exception) when (exception is WebSocketException or IOException or ObjectDisposedException or OperationCanceledException)
            {
                // its reader ends it
            }
        }
    }
}
