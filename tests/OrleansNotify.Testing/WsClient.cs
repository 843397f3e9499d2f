using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace OrleansNotify.Testing;

/// <summary>A client of the JSON protocol on .NET's own WebSocket. Every wait has a deadline and says what it saw.</summary>
public sealed class WsClient : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(15);

    private readonly ClientWebSocket _socket;
    private readonly List<JsonElement> _received = [];
    private readonly SemaphoreSlim _arrived = new(0);
    private readonly TaskCompletionSource<(int? Code, string? Reason)> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _resume = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<int> _taken = [];
    private int _firstUntaken;
    private volatile bool _paused;
    private Task? _reading;

    private WsClient(ClientWebSocket socket) => _socket = socket;

    /// <summary>Everything received so far.</summary>
    public JsonElement[] Received
    {
        get
        {
            lock (_received)
                return [.. _received];
        }
    }

    /// <summary>Completes with the close code (null when the socket was cut).</summary>
    public Task<(int? Code, string? Reason)> Closed => _closed.Task.WaitAsync(Deadline + Deadline);

    /// <summary>Whether the socket has ended.</summary>
    public bool IsClosed => _closed.Task.IsCompleted;

    /// <summary>Connects.</summary>
    public static async Task<WsClient> ConnectAsync(Uri server, string? user = null, Action<ClientWebSocketOptions>? options = null, bool paused = false)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        options?.Invoke(socket.Options);
        using var deadline = new CancellationTokenSource(Deadline);
        await socket.ConnectAsync(user is null ? server : new UriBuilder(server) { Query = "user=" + Uri.EscapeDataString(user) }.Uri, deadline.Token);
        var client = new WsClient(socket) { _paused = paused };
        client._reading = client.Read();
        return client;
    }

    /// <summary>Connects and subscribes.</summary>
    public static async Task<WsClient> SubscribeAsync(Uri server, params string[] channels)
    {
        var client = await ConnectAsync(server);
        foreach (var channel in channels)
            await client.Subscribe(channel);
        return client;
    }

    /// <summary>Sends text as it is.</summary>
    public Task Send(string text) => _socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, CancellationToken.None);

    /// <summary>Sends bytes as they are.</summary>
    public Task Send(ReadOnlyMemory<byte> bytes, WebSocketMessageType type, bool end = true) => _socket.SendAsync(bytes, type, end, CancellationToken.None).AsTask();

    /// <summary>Subscribes and waits for the reply.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="options">Members to add, such as <c>"history":3</c>.</param>
    public async Task<JsonElement> Subscribe(string channel, string options = "")
    {
        await Send($$"""{"type":"subscribe","channel":"{{channel}}"{{(options.Length > 0 ? "," + options : "")}}}""");
        return await Next("subscribed", channel);
    }

    /// <summary>Unsubscribes and waits for the reply.</summary>
    public async Task<JsonElement> Unsubscribe(string channel)
    {
        await Send($$"""{"type":"unsubscribe","channel":"{{channel}}"}""");
        return await Next("unsubscribed", channel);
    }

    /// <summary>The next message of a type that was not taken yet, in order of arrival.</summary>
    public Task<JsonElement> Next(string type, string? channel = null) =>
        Next(e => e.GetProperty("type").GetString() == type && (channel is null || e.GetProperty("channel").GetString() == channel), $"'{type}' of {channel ?? "any channel"}");

    /// <summary>The next so many events.</summary>
    public async Task<JsonElement[]> TakeEvents(int count, string? channel = null)
    {
        var events = new JsonElement[count];
        for (var i = 0; i < count; i++)
            events[i] = await Next("event", channel);
        return events;
    }

    /// <summary>Asks and waits for the pong: everything sent to this client before has arrived by then.</summary>
    public async Task Ping()
    {
        await Send("""{"type":"ping"}""");
        await Next("pong");
    }

    /// <summary>Events received and not taken.</summary>
    public JsonElement[] Untaken()
    {
        lock (_received)
            return [.. _received.Where((e, i) => i >= _firstUntaken && !_taken.Contains(i) && e.GetProperty("type").GetString() == "event")];
    }

    /// <summary>Goes on reading after having been connected paused.</summary>
    public void Resume()
    {
        _paused = false;
        _resume.TrySetResult();
    }

    /// <summary>Closes properly.</summary>
    public async Task CloseAsync()
    {
        await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "bye", CancellationToken.None);
        await Closed;
    }

    /// <summary>Cuts the connection.</summary>
    public void Abort() => _socket.Abort();

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        _resume.TrySetResult();
        _socket.Abort();
        if (_reading is not null)
            await _reading;
        _socket.Dispose();
        _arrived.Dispose();
    }

    private async Task<JsonElement> Next(Func<JsonElement, bool> wanted, string what)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (true)
        {
            lock (_received)
            {
                while (_taken.Remove(_firstUntaken))
                    _firstUntaken++;
                for (var i = _firstUntaken; i < _received.Count; i++)
                {
                    if (!_taken.Contains(i) && wanted(_received[i]))
                    {
                        _taken.Add(i);
                        return _received[i];
                    }
                }
            }
            if (_closed.Task.IsCompleted)
                throw new InvalidOperationException($"Waited for {what}, but the connection ended: {await _closed.Task}. Seen: {Seen()}");
            try
            {
                await _arrived.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"Waited {Deadline} for {what}. Seen: {Seen()}");
            }
        }
    }

    private string Seen() => string.Join(" ", Received.TakeLast(20).Select(e => e.GetRawText()));

    private async Task Read()
    {
        var buffer = new byte[1 << 16];
        var message = new MemoryStream();
        try
        {
            while (true)
            {
                if (_paused)
                    await _resume.Task;
                var part = await _socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                {
                    if (_socket.State == WebSocketState.CloseReceived)
                        await _socket.CloseOutputAsync(_socket.CloseStatus!.Value, null, CancellationToken.None);
                    break;
                }
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage)
                    continue;
                var element = JsonDocument.Parse(message.ToArray()).RootElement;
                message.SetLength(0);
                lock (_received)
                    _received.Add(element);
                _arrived.Release();
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or ObjectDisposedException or IOException)
        {
        }
        _closed.TrySetResult(((int?)_socket.CloseStatus, _socket.CloseStatusDescription));
        try
        {
            _arrived.Release();
        }
        catch (ObjectDisposedException)
        {
        }
    }
}
