using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace OrleansNotify.Testing;

/// <summary>
/// Plays a server towards a client under test: the test itself takes each connection at <c>/ws</c>, reads its commands and says the answers. For what
/// the real server does rarely or never on demand.
/// </summary>
public sealed class ScriptedServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<ScriptedConnection> _connections = Channel.CreateUnbounded<ScriptedConnection>();

    private ScriptedServer(WebApplication app) => _app = app;

    /// <summary>Its port on the loopback interface.</summary>
    public int Port { get; private init; }

    /// <summary><c>http://127.0.0.1:port/</c></summary>
    public Uri BaseAddress => new($"http://127.0.0.1:{Port}/");

    /// <summary>Connections accepted so far.</summary>
    public int Accepted { get; private set; }

    /// <summary>Starts one.</summary>
    /// <param name="map">Adds what else the client calls, such as the page.</param>
    public static async Task<ScriptedServer> StartAsync(Action<WebApplication>? map = null)
    {
        var port = Ports.Free();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls($"http://127.0.0.1:{port}");
        var app = builder.Build();
        var server = new ScriptedServer(app) { Port = port };
        app.UseWebSockets();
        app.Map("/ws", server.Serve);
        map?.Invoke(app);
        await app.StartAsync();
        return server;
    }

    /// <summary>Takes the next connection, in the order they came.</summary>
    public async Task<ScriptedConnection> Accept(TimeSpan? timeout = null)
    {
        using var deadline = new CancellationTokenSource(timeout ?? Until.DefaultTimeout, TimeProvider.System);
        try
        {
            return await _connections.Reader.ReadAsync(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Waited for a client to connect; {Accepted} had before.");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private async Task Serve(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        var connection = new ScriptedConnection(socket);
        Accepted++;
        await _connections.Writer.WriteAsync(connection);
        await connection.ReadLoop(context.RequestAborted);
    }
}

/// <summary>One client of a <see cref="ScriptedServer"/>.</summary>
public sealed class ScriptedConnection
{
    private readonly WebSocket _socket;
    private readonly Channel<JsonElement> _commands = Channel.CreateUnbounded<JsonElement>();

    internal ScriptedConnection(WebSocket socket) => _socket = socket;

    /// <summary>Takes the client's next command and insists on its type.</summary>
    public async Task<JsonElement> Expect(string type, TimeSpan? timeout = null)
    {
        using var deadline = new CancellationTokenSource(timeout ?? Until.DefaultTimeout, TimeProvider.System);
        try
        {
            var command = await _commands.Reader.ReadAsync(deadline.Token);
            return command.GetProperty("type").GetString() == type
                ? command
                : throw new InvalidOperationException($"Expected the client to send {type}, but it sent {command}.");
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Waited for the client to send {type}.");
        }
    }

    /// <summary>Sends a text message as it is.</summary>
    public Task Say(string json) => _socket.SendAsync(Encoding.UTF8.GetBytes(json), WebSocketMessageType.Text, true, CancellationToken.None);

    /// <summary>Closes with a code and a reason.</summary>
    public Task Close(int code, string reason) => _socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, CancellationToken.None);

    /// <summary>Drops the connection.</summary>
    public void Abort() => _socket.Abort();

    internal async Task ReadLoop(CancellationToken aborted)
    {
        var buffer = new byte[64 << 10]; // a client under test sends no longer commands, and none in parts
        try
        {
            while (await _socket.ReceiveAsync(buffer.AsMemory(), aborted) is { MessageType: not WebSocketMessageType.Close, Count: var count })
                await _commands.Writer.WriteAsync(JsonSerializer.Deserialize<JsonElement>(buffer.AsSpan(0, count)), aborted);
        }
        catch (Exception ended) when (ended is WebSocketException or OperationCanceledException)
        {
            // Cut by the test or by the client.
        }

        _commands.Writer.TryComplete();
    }
}
