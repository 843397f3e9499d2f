using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>
/// <c>GET /ws</c>: one WebSocket, one session. The receive loop here is the only reader; everything that goes out leaves by the session's outbox.
/// </summary>
internal sealed partial class WebSocketEndpoint(INotifySessions sessions, HandshakeLimit handshakes, OwnHandshakes own, DevelopmentUser developmentUser, IOptions<LimitOptions> limits, TimeProvider time, ILogger<WebSocketEndpoint> logger)
{
    private readonly int _maxMessageBytes = limits.Value.MessageBytes;
    private readonly int _maxHistory = sessions.HistoryPageSize;
    private readonly int _maxDepth = limits.Value.JsonDepth;

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
            await ApiProblem.Write(context, problem.Status, problem.Problem);
            return;
        }
        if (developmentUser.Read(context, out var user) is { } refusal)
        {
            await ApiProblem.Write(context, StatusCodes.Status400BadRequest, refusal);
            return;
        }
        if (!handshakes.TryEnter())
        {
            await ApiProblem.Write(context, StatusCodes.Status503ServiceUnavailable, HandshakeLimit.TooMany);
            return;
        }
        // Slowness is the outbox's business: Kestrel's own minimum would cut the connection without a farewell.
        context.Features.Get<IHttpMinResponseDataRateFeature>()?.MinDataRate = null;
        var token = PresentedToken.Of(context.Request);
        var isOwn = own.Has(context.Request);
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
            handOver.Take(connection => Run(connection, user, token, isOwn, isEarly));
            return;
        }
        // A read under way from this moment on tells whether the client waited for the 101.
        var input = PipeReader.Create(stream, new StreamPipeReaderOptions(useZeroByteReads: true, leaveOpen: true));
        var sink = new UpgradedSink(context.Features, stream, input, time);
        await Run(sink, new InboundStream(input, sink, isUpgrading: true), user, token, isOwn, context.RequestAborted);
    }

    // Behind the request, with the bare connection.
    private Task Run(ConnectionContext connection, string? user, string? token, bool isOwn, bool isEarly)
    {
        var input = connection.Transport.Input;
        var sink = new UpgradedSink(connection.Features, connection.Transport.Output.AsStream(leaveOpen: true), input, time);
        if (isEarly)
            sink.HeardTooEarly();
        return Run(sink, new InboundStream(input, sink, isUpgrading: false), user, token, isOwn, connection.ConnectionClosed);
    }

    private async Task<INotifySession> Begin(UpgradedSink sink, InboundStream inbound, string? user, string? token, bool isOwn, CancellationToken closed)
    {
        try
        {
            return inbound.Session = await sessions.Begin(new SessionStart(user, "websocket", JsonWebSocketFormat.Instance, sink, token, isOwn), closed);
        }
        finally
        {
            handshakes.Exit();
        }
    }

    // What an idle connection keeps is this method's state, and of the parser and of InboundStream each the same: nothing else is under way.
    private async Task Run(UpgradedSink sink, InboundStream inbound, string? user, string? token, bool isOwn, CancellationToken closed)
    {
        try
        {
            var session = await Begin(sink, inbound, user, token, isOwn, closed);
            using var socket = System.Net.WebSockets.WebSocket.CreateFromStream(inbound, new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = TimeSpan.Zero });
            try
            {
                // A read of no bytes waits without holding a buffer.
                while (await TakeMessage(await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None), socket, session))
                {
                }
            }
            catch (Exception exception) when (exception is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException)
            {
                LogSocketEnded(exception); // the client has gone, or broke the protocol (InboundStream.Farewell says which), or we said farewell and it did not answer
            }
            await session.End(socket.State == WebSocketState.CloseReceived ? AnswerTo(socket) : inbound.Farewell);
        }
        finally
        {
            handshakes.Left();
        }
    }

    // Reads what is left of a message and hands it on; false: it was the last.
    private async ValueTask<bool> TakeMessage(ValueWebSocketReceiveResult part, System.Net.WebSockets.WebSocket socket, INotifySession session)
    {
        if (part.MessageType == WebSocketMessageType.Close)
            return false;
        if (part.EndOfMessage)
        {
            await Handle(session, part.MessageType, default); // a message of no bytes
            return true;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(4096);
        try
        {
            var length = 0;
            while (true)
            {
                // It returns when all of the room is filled: no more room than it takes to see that a message is too big.
                var room = Math.Min(buffer.Length, _maxMessageBytes + 1) - length;
                part = await socket.ReceiveAsync(buffer.AsMemory(length, room), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    return false;
                length += part.Count;
                if (length > _maxMessageBytes)
                {
                    session.Close(DisconnectCode.TooBig, $"A message may have at most {_maxMessageBytes} bytes.");
                    await Drain(socket, buffer);
                    return false;
                }
                if (part.EndOfMessage)
                {
                    await Handle(session, part.MessageType, buffer.AsMemory(0, length));
                    return true;
                }
                if (length == buffer.Length)
                    buffer = Grow(buffer);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // RFC 6455 5.5.1: with the code received; a close frame without one is answered with "normal".
    private static Delivery.Frame AnswerTo(System.Net.WebSockets.WebSocket socket) =>
        JsonWebSocketFormat.CloseFrame((ushort)(socket.CloseStatus is { } status and not WebSocketCloseStatus.Empty ? status : WebSocketCloseStatus.NormalClosure), []);

    private async ValueTask Handle(INotifySession session, WebSocketMessageType type, ReadOnlyMemory<byte> message)
    {
        if (type == WebSocketMessageType.Binary)
            session.Refuse(new CommandProblem(default, NotifyError.BadRequest, "Send commands as JSON in text frames; binary frames are not used by this subprotocol."));
        else if (JsonCommandReader.TryRead(message.Span, _maxHistory, out var command, out var problem, _maxDepth))
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
