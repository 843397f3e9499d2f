using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>JSON in WebSocket text frames: subprotocol <c>notify.json</c>, and what a client gets that names none.</summary>
internal sealed class JsonWebSocketFormat : IFrameFormat
{
    /// <summary>The subprotocol's name.</summary>
    public const string SubProtocol = "notify.json";

    private const int MaxReasonBytes = 123; // RFC 6455 5.5: control frame 125 bytes, minus 2 for the code

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_payload;

    /// <summary>The one instance: connections that share it share frames.</summary>
    public static JsonWebSocketFormat Instance { get; } = new();

    /// <inheritdoc />
    public Frame KeepAlive { get; } = new([0x80 | WebSocketFrames.Ping, 0]);

    /// <inheritdoc />
    public void WriteEvent(IBufferWriter<byte> output, string channel, ChannelEpoch? epoch, Publication publication)
    {
        var payload = Payload();
        JsonReplyWriter.WriteEvent(payload, channel, epoch, publication);
        WebSocketFrames.Write(output, WebSocketFrames.Text, payload.WrittenSpan);
    }

    /// <inheritdoc />
    public Frame Subscribed(ReadOnlySpan<byte> id, string channel, ChannelPosition position, bool recoverable, bool? recovered)
    {
        var payload = Payload();
        JsonReplyWriter.WriteSubscribed(payload, id, channel, position, recoverable, recovered);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Unsubscribed(ReadOnlySpan<byte> id, string channel)
    {
        var payload = Payload();
        JsonReplyWriter.WriteUnsubscribed(payload, id, channel);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Dropped(string channel, NotifyError code)
    {
        var payload = Payload();
        JsonReplyWriter.WriteDropped(payload, channel, code);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Authenticated(ReadOnlySpan<byte> id, string user, DateTimeOffset expires)
    {
        var payload = Payload();
        JsonReplyWriter.WriteAuthenticated(payload, id, user, expires);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Refreshed(ReadOnlySpan<byte> id, DateTimeOffset expires)
    {
        var payload = Payload();
        JsonReplyWriter.WriteRefreshed(payload, id, expires);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Pong(ReadOnlySpan<byte> id)
    {
        var payload = Payload();
        JsonReplyWriter.WritePong(payload, id);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Error(ReadOnlySpan<byte> id, NotifyError code, string message, string? channel)
    {
        var payload = Payload();
        JsonReplyWriter.WriteError(payload, id, code, message, channel);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Position(string channel, ChannelPosition position, bool recovered)
    {
        var payload = Payload();
        JsonReplyWriter.WritePosition(payload, channel, position, recovered);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Published(ReadOnlySpan<byte> id, PublishResult result)
    {
        var payload = Payload();
        JsonReplyWriter.WritePublished(payload, id, result);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame History(ReadOnlySpan<byte> id, string channel, ChannelPosition position, IReadOnlyList<Publication> publications)
    {
        var payload = Payload();
        JsonReplyWriter.WriteHistory(payload, id, channel, position, publications);
        return Text(payload);
    }

    /// <inheritdoc />
    public Frame Close(DisconnectCode code, string reason)
    {
        var text = Encoding.UTF8.GetBytes(reason);
        var length = Math.Min(text.Length, MaxReasonBytes);
        while (length < text.Length && (text[length] & 0xC0) == 0x80)
            length--; // never half a character
        return CloseFrame((ushort)code, text.AsSpan(0, length));
    }

    /// <summary>A close frame as the peer's own is answered: with its code.</summary>
    public static Frame CloseFrame(ushort code, ReadOnlySpan<byte> reason)
    {
        Span<byte> payload = stackalloc byte[2 + MaxReasonBytes];
        BinaryPrimitives.WriteUInt16BigEndian(payload, code);
        reason.CopyTo(payload[2..]);
        var output = new ArrayBufferWriter<byte>(16);
        WebSocketFrames.Write(output, WebSocketFrames.Close, payload[..(2 + reason.Length)]);
        return new Frame(output.WrittenSpan.ToArray());
    }

    private static ArrayBufferWriter<byte> Payload()
    {
        var payload = t_payload ??= new ArrayBufferWriter<byte>(1024);
        payload.ResetWrittenCount();
        return payload;
    }

    private static Frame Text(ArrayBufferWriter<byte> payload)
    {
        var length = payload.WrittenCount;
        var output = new ArrayBufferWriter<byte>(length + 10);
        WebSocketFrames.Write(output, WebSocketFrames.Text, payload.WrittenSpan);
        return new Frame(output.WrittenSpan.ToArray());
    }
}
