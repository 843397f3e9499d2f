using System.Buffers;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>
/// <c>GET /ws</c>: one WebSocket, one session. The receive loop here is the only reader; everything that goes out leaves by the session's outbox.
/// </summary>
internal sealed partial class WebSocketEndpoint(INotifySessions sessions, HandshakeLimit handshakes, DevelopmentUser developmentUser, IOptions<LimitOptions> limits, TimeProvider time, ILogger<WebSocketEndpoint> logger)
{
    // After our farewell the client has this long to say its own; then the socket is cut.
    private static readonly TimeSpan FarewellPatience = TimeSpan.FromSeconds(1);

    private readonly int _maxMessageBytes = limits.Value.MessageBytes;

    /// <summary>Maps it.</summary>
    public static void Map(IEndpointRouteBuilder routes, WebSocketEndpoint endpoint) =>
        routes.Map("/ws", endpoint.Invoke).ExcludeFromDescription();

    private async Task Invoke(HttpContext context)
    {
        if (WebSocketHandshake.Check(context) is { } problem)
        {
            context.Response.Headers.SecWebSocketVersion = "13";
            if (problem.Status == StatusCodes.Status426UpgradeRequired)
                context.Response.Headers.Upgrade = "websocket";
            else if (problem.Status == StatusCodes.Status405MethodNotAllowed)
                context.Response.Headers.Allow = HttpMethods.Get;
            await Results.Problem(problem.Problem, statusCode: problem.Status).ExecuteAsync(context);
            return;
        }
        if (developmentUser.Read(context, out var user) is { } refusal)
        {
            await Results.Problem(refusal, statusCode: StatusCodes.Status400BadRequest).ExecuteAsync(context);
            return;
        }
        if (!handshakes.TryEnter())
        {
            context.Response.Headers.RetryAfter = "1";
            await Results.Problem(HandshakeLimit.TooMany, statusCode: StatusCodes.Status503ServiceUnavailable).ExecuteAsync(context);
            return;
        }
        // Slowness is the outbox's business: Kestrel's own minimum would cut the connection without a farewell.
        context.Features.Get<IHttpMinResponseDataRateFeature>()?.MinDataRate = null;
        var token = PresentedToken.Of(context.Request);
        Stream stream;
        try
        {
            // The 101 is sent before the session begins: the session may have something to say at once.
            stream = await WebSocketHandshake.Accept(context, WebSocketHandshake.ChooseSubProtocol(context));
        }
        catch
        {
            handshakes.Exit();
            handshakes.Left();
            throw;
        }
        // TLS ends within Kestrel: what lies around it carries bytes that only HTTP can read.
        if (context.Features.Get<ITlsHandshakeFeature>() is null && context.Features.Get<HandOver>() is { } handOver)
        {
            var isEarly = handOver.HasUnread();
            handOver.Take(connection => Run(connection, user, token, isEarly));
            return;
        }
        var sink = new UpgradedSink(context.Features, stream);
        var inbound = new InboundStream(stream, sink, InboundStream.FirstBytes(stream, sink));
        await Run(Begin(sink, inbound, user, token, context.RequestAborted), inbound);
    }

    // Behind the request, with the bare connection.
    private Task Run(ConnectionContext connection, string? user, string? token, bool isEarly)
    {
        var sink = new UpgradedSink(connection.Features, connection.Transport.Output.AsStream(leaveOpen: true));
        if (isEarly)
            sink.HeardTooEarly();
        var inbound = new InboundStream(connection.Transport.Input.AsStream(leaveOpen: true), sink, firstBytes: null);
        return Run(Begin(sink, inbound, user, token, connection.ConnectionClosed), inbound);
    }

    private async Task<INotifySession> Begin(UpgradedSink sink, InboundStream inbound, string? user, string? token, CancellationToken closed)
    {
        try
        {
            return inbound.Session = await sessions.Begin(new SessionStart(user, "websocket", JsonWebSocketFormat.Instance, sink, token), closed);
        }
        finally
        {
            handshakes.Exit();
        }
    }

    private async Task Run(Task<INotifySession> beginning, InboundStream inbound)
    {
        try
        {
            var session = await beginning;
            using var socket = System.Net.WebSockets.WebSocket.CreateFromStream(inbound, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.Zero });
            var receiving = Receive(socket, session);
            if (await Task.WhenAny(receiving, session.Closed) == receiving)
                await session.End(await receiving ?? inbound.Farewell);
            else
                // Our farewell is out while the receive is pending; cancelling that would reset the connection and lose the farewell.
                await ((Task)receiving).WaitAsync(FarewellPatience, time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        finally
        {
            handshakes.Left();
        }
    }

    // Returns the answer to the client's close frame, or null when the socket has ended without one.
    private async Task<Delivery.Frame?> Receive(System.Net.WebSockets.WebSocket socket, INotifySession session)
    {
        byte[]? buffer = null;
        try
        {
            while (true)
            {
                // A read of no bytes waits without holding a buffer: an idle connection costs none.
                var part = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    return AnswerTo(socket);
                if (part.EndOfMessage)
                {
                    await Handle(session, part.MessageType, default); // a message of no bytes
                    continue;
                }
                buffer = ArrayPool<byte>.Shared.Rent(4096);
                var length = 0;
                while (true)
                {
                    // It returns when all of the room is filled: no more room than it takes to see that a message is too big.
                    var room = Math.Min(buffer.Length, _maxMessageBytes + 1) - length;
                    part = await socket.ReceiveAsync(buffer.AsMemory(length, room), CancellationToken.None);
                    if (part.MessageType == WebSocketMessageType.Close)
                        return AnswerTo(socket);
                    length += part.Count;
                    if (length > _maxMessageBytes)
                    {
                        session.Close(DisconnectCode.TooBig, $"A message may have at most {_maxMessageBytes} bytes.");
                        await Drain(socket, buffer);
                        return null;
                    }
                    if (part.EndOfMessage)
                    {
                        await Handle(session, part.MessageType, buffer.AsMemory(0, length));
                        break;
                    }
                    if (length == buffer.Length)
                        buffer = Grow(buffer);
                }
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = null;
            }
        }
        catch (Exception exception) when (exception is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            LogSocketEnded(exception); // the client has gone, or broke the protocol: InboundStream.Farewell says which
            return null;
        }
        finally
        {
            if (buffer is not null)
                ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // RFC 6455 5.5.1: with the code received; a close frame without one is answered with "normal".
    private static Delivery.Frame AnswerTo(System.Net.WebSockets.WebSocket socket) =>
        JsonWebSocketFormat.CloseFrame((ushort)(socket.CloseStatus is { } status and not WebSocketCloseStatus.Empty ? status : WebSocketCloseStatus.NormalClosure), []);

    private static async ValueTask Handle(INotifySession session, WebSocketMessageType type, ReadOnlyMemory<byte> message)
    {
        if (type == WebSocketMessageType.Binary)
            session.Refuse(new CommandProblem(default, NotifyError.BadRequest, "Send commands as JSON in text frames; binary frames are not used by this subprotocol."));
        else if (JsonCommandReader.TryRead(message.Span, out var command, out var problem))
            await session.Handle(command);
        else
            session.Refuse(problem);
    }

    // What the client still sends behind an oversized message is thrown away until it has seen our farewell.
    private static async Task Drain(System.Net.WebSockets.WebSocket socket, byte[] buffer)
    {
        while ((await socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None)).MessageType != WebSocketMessageType.Close)
        {
        }
    }

    private byte[] Grow(byte[] buffer)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Min(buffer.Length * 2, _maxMessageBytes + 1));
        buffer.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    [LoggerMessage(5050, LogLevel.Debug, "A socket has ended.")]
    private partial void LogSocketEnded(Exception exception);
}
