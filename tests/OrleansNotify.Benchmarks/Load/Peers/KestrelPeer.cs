using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net.WebSockets;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace OrleansNotify.Benchmarks.Load.Peers;

/// <summary>
/// The least that one can do with Kestrel: the platform's WebSocket, one message made per publication and sent to every socket of the channel by the
/// thread of the request. No history, no offsets, no recovery, no cluster, no bound on what waits for a client that does not read.
/// </summary>
internal static class KestrelPeer
{
    private static readonly ConcurrentDictionary<string, Audience> Audiences = new();

    public static WebApplication Build(WebApplicationBuilder builder)
    {
        var app = builder.Build();
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.Run(context => context.WebSockets.IsWebSocketRequest ? Serve(context) : Publish(context));
        return app;
    }

    private static async Task Publish(HttpContext context)
    {
        var posted = await JsonSerializer.DeserializeAsync(context.Request.Body, PeerJson.Default.PeerEvent, context.RequestAborted);
        if (Audiences.TryGetValue(posted!.Channel, out var audience))
        {
            var message = Message("event", posted.Channel, posted.Data["m"]);
            foreach (var listener in audience.Listeners)
                listener.Send(message);
        }
        await Peer.Accept(context);
    }

    private static async Task Serve(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var listener = new Listener(socket);
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
                using var command = JsonDocument.Parse(buffer.AsMemory(0, received.Count));
                var channel = command.RootElement.GetProperty("channel").GetString()!;
                var audience = Audiences.GetOrAdd(channel, _ => new Audience());
                audience.Add(listener);
                joined.Add(audience);
                listener.Send(Message("subscribed", channel, null));
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // the client has gone
        }
        joined.ForEach(audience => audience.Remove(listener));
    }

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

    // A WebSocket takes one send at a time: what comes meanwhile waits here.
    private sealed class Listener(WebSocket socket)
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
                    await socket.SendAsync(message.AsMemory(), WebSocketMessageType.Text, true, CancellationToken.None);
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
            catch (Exception exception) when (exception is WebSocketException or ObjectDisposedException or OperationCanceledException)
            {
                // its reader ends it
            }
        }
    }
}
