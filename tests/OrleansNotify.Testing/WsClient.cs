using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace OrleansNotify.Testing;

/// <summary>
/// A client on .NET's own ClientWebSocket. It reads all the time and keeps every frame; waits take frames out in order, and each wait has a deadline
/// whose failure says what was waited for and what came instead.
/// </summary>
public sealed class WsClient : IAsyncDisposable
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);
    private readonly ClientWebSocket _socket = new();
    private readonly Lock _gate = new();
    private readonly List<WsFrame> _all = [];
    private readonly List<WsFrame> _untaken = [];
    private readonly SemaphoreSlim _sending = new(1);
    private TaskCompletionSource _more = NewSignal();
    private TaskCompletionSource _mayRead = NewSignal();
    private bool _hasEnded;
    private Exception? _fault;
    private Task _reading = Task.CompletedTask;

    private WsClient()
    {
        _socket.Options.KeepAliveInterval = TimeSpan.Zero; // pings of our own would hide whether the server's work
        _mayRead.SetResult();
    }

    /// <summary>Every frame so far, in order.</summary>
    public IReadOnlyList<WsFrame> Frames
    {
        get
        {
            lock (_gate)
                return [.. _all];
        }
    }

    /// <summary>The subprotocol the server chose, or null.</summary>
    public string? SubProtocol => _socket.SubProtocol;

    /// <summary>Of the server's close frame; null while there was none.</summary>
    public int? CloseStatus => (int?)_socket.CloseStatus;

    /// <summary>The reason in the server's close frame.</summary>
    public string? CloseDescription => _socket.CloseStatusDescription;

    /// <summary>Ends when no further frame can come: after a close frame, a reset, or <see cref="Abort"/>.</summary>
    public Task Ended => _reading;

    /// <summary>Connects.</summary>
    /// <param name="uri">Of the endpoint: <c>ws://…/ws</c>.</param>
    /// <param name="user">For the development-only query parameter <c>user</c>; null: none.</param>
    /// <param name="headers">Further headers of the handshake, such as <c>Origin</c>.</param>
    /// <param name="subProtocol">To ask for; null: none.</param>
    /// <param name="timeout">Null: <see cref="Until.DefaultTimeout"/>.</param>
    public static async Task<WsClient> ConnectAsync(
        Uri uri, string? user = null, IReadOnlyDictionary<string, string>? headers = null, string? subProtocol = null, TimeSpan? timeout = null)
    {
        var client = new WsClient();
        foreach (var (name, value) in headers ?? new Dictionary<string, string>())
            client._socket.Options.SetRequestHeader(name, value);
        if (subProtocol is not null)
            client._socket.Options.AddSubProtocol(subProtocol);
        if (user is not null)
            uri = new UriBuilder(uri) { Query = $"user={Uri.EscapeDataString(user)}" }.Uri;
        using var deadline = new CancellationTokenSource(timeout ?? Until.DefaultTimeout, TimeProvider.System);
        try
        {
            await client._socket.ConnectAsync(uri, deadline.Token);
        }
        catch (OperationCanceledException)
        {
            client._socket.Dispose();
            throw new TimeoutException($"Waited for {uri} to accept a WebSocket.");
        }
        catch
        {
            client._socket.Dispose();
            throw;
        }

        client._reading = client.ReadLoop();
        return client;
    }

    /// <summary>Sends a command; anonymous objects will do.</summary>
    public Task Send(object command) => Send(JsonSerializer.Serialize(command, Web));

    /// <summary>Sends a text message as it is.</summary>
    public Task Send(string text) => Send(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text);

    /// <summary>Sends a message or a part of one.</summary>
    public async Task Send(ReadOnlyMemory<byte> bytes, WebSocketMessageType type, bool endOfMessage = true)
    {
        await _sending.WaitAsync();
        try
        {
            await _socket.SendAsync(bytes, type, endOfMessage, CancellationToken.None).AsTask().WaitAsync(Until.DefaultTimeout, TimeProvider.System);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Subscribes, waits for the answer and returns it.</summary>
    public async Task<WsFrame> Subscribe(string channel)
    {
        await Send(new { type = "subscribe", channel });
        return await Next("subscribed", frame => frame.Channel == channel);
    }

    /// <summary>Unsubscribes and waits for the answer.</summary>
    public async Task<WsFrame> Unsubscribe(string channel)
    {
        await Send(new { type = "unsubscribe", channel });
        return await Next("unsubscribed", frame => frame.Channel == channel);
    }

    /// <summary>Sends a ping and waits for its pong: everything the server had to answer before has arrived then.</summary>
    public async Task<WsFrame> Ping()
    {
        await Send(new { type = "ping" });
        return await Next("pong");
    }

    /// <summary>Takes the first frame of a type that no wait has taken yet, waiting for it if need be.</summary>
    public Task<WsFrame> Next(string type, TimeSpan? timeout = null) => Next(type, _ => true, timeout);

    /// <summary>The same, for frames that <paramref name="wanted"/> accepts.</summary>
    public Task<WsFrame> Next(string type, Func<WsFrame, bool> wanted, TimeSpan? timeout = null) =>
        Wait($"a frame of type {type}", () => Take(_untaken.FindIndex(frame => frame.Type == type && wanted(frame))), timeout);

    /// <summary>Takes the next frame, whatever it is.</summary>
    public Task<WsFrame> Next(TimeSpan? timeout = null) => Wait("a frame", () => Take(_untaken.Count - 1 < 0 ? -1 : 0), timeout);

    /// <summary>Takes the next <paramref name="count"/> events, of one channel or of all.</summary>
    public async Task<IReadOnlyList<WsFrame>> TakeEvents(int count, string? channel = null, TimeSpan? timeout = null)
    {
        bool Wanted(WsFrame frame) => frame.Type == "event" && (channel is null || frame.Channel == channel);
        return await Wait(
            $"{count} events{(channel is null ? "" : $" on {channel}")}",
            () =>
            {
                var events = _untaken.Where(Wanted).Take(count).ToList();
                if (events.Count < count)
                    return null;
                var taken = events.ToHashSet(ReferenceEqualityComparer.Instance);
                _untaken.RemoveAll(taken.Contains);
                return events;
            },
            timeout);
    }

    /// <summary>The events that arrived so far and that no wait has taken.</summary>
    public IReadOnlyList<WsFrame> UntakenEvents()
    {
        lock (_gate)
            return [.. _untaken.Where(frame => frame.Type == "event")];
    }

    /// <summary>Reads no more from the socket, so that the server's writes back up.</summary>
    public void StopReading()
    {
        lock (_gate)
        {
            if (_mayRead.Task.IsCompleted)
                _mayRead = NewSignal();
        }
    }

    /// <summary>Ends <see cref="StopReading"/>.</summary>
    public void ResumeReading()
    {
        lock (_gate)
            _mayRead.TrySetResult();
    }

    /// <summary>Waits for the server's close frame and returns its code and reason; fails when the connection ended without one.</summary>
    public async Task<(int Code, string Reason)> Closed(TimeSpan? timeout = null)
    {
        var limit = timeout ?? Until.DefaultTimeout;
        try
        {
            await _reading.WaitAsync(limit, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Waited {limit.TotalSeconds:0.#} s for the server to close the connection.{Seen()}");
        }

        return CloseStatus is { } code
            ? (code, CloseDescription ?? "")
            : throw new InvalidOperationException($"The connection ended without a close frame: {_fault?.Message}{Seen()}");
    }

    /// <summary>Closes in good order and waits for the server's answer.</summary>
    public async Task CloseAsync()
    {
        ResumeReading();
        await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        await _reading.WaitAsync(Until.DefaultTimeout, TimeProvider.System);
    }

    /// <summary>Drops the TCP connection, without a word to the server.</summary>
    public void Abort() => _socket.Abort();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        ResumeReading();
        _socket.Abort();
        await _reading;
        _socket.Dispose();
        _sending.Dispose();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task ReadLoop()
    {
        var buffer = new byte[16 << 10];
        var message = new MemoryStream();
        try
        {
            while (true)
            {
                Task mayRead;
                lock (_gate)
                    mayRead = _mayRead.Task;
                await mayRead;
                var part = await _socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    if (_socket.State == WebSocketState.CloseReceived)
                        await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
                    return;
                }

                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage)
                    continue;
                Received(message.ToArray());
                message.SetLength(0);
            }
        }
        catch (Exception ended) when (ended is WebSocketException or OperationCanceledException or ObjectDisposedException or JsonException)
        {
            _fault = ended;
        }
        finally
        {
            lock (_gate)
            {
                _hasEnded = true;
                _more.TrySetResult();
            }
        }
    }

    private void Received(byte[] utf8)
    {
        using var document = JsonDocument.Parse(utf8); // a frame that is no JSON ends the client with that as its fault
        var frame = new WsFrame(Encoding.UTF8.GetString(utf8), document.RootElement.Clone());
        lock (_gate)
        {
            _all.Add(frame);
            _untaken.Add(frame);
            _more.TrySetResult();
            _more = NewSignal();
        }
    }

    private WsFrame? Take(int index)
    {
        if (index < 0)
            return null;
        var frame = _untaken[index];
        _untaken.RemoveAt(index);
        return frame;
    }

    private async Task<T> Wait<T>(string what, Func<T?> take, TimeSpan? timeout)
        where T : class
    {
        var limit = timeout ?? Until.DefaultTimeout;
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (take() is { } taken)
                    return taken;
                if (_hasEnded)
                {
                    throw new InvalidOperationException(
                        $"Waited for {what}, but the connection has ended ({CloseStatus?.ToString() ?? "no close frame"} {CloseDescription ?? _fault?.Message}).{Seen()}");
                }
                more = _more.Task;
            }

            var left = limit - TimeProvider.System.GetElapsedTime(started);
            try
            {
                await more.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, TimeProvider.System);
            }
            catch (TimeoutException)
            {
                throw new TimeoutException($"Waited {limit.TotalSeconds:0.#} s for {what}.{Seen()}");
            }
        }
    }

    private string Seen()
    {
        lock (_gate)
        {
            if (_all.Count == 0)
                return " Nothing was received.";
            var last = _all.TakeLast(20).Select(frame => frame.Text.Length > 200 ? frame.Text[..200] + "…" : frame.Text);
            return $" Received {_all.Count} frames, {_untaken.Count} of them not taken; the last:{Environment.NewLine}{string.Join(Environment.NewLine, last)}";
        }
    }
}
