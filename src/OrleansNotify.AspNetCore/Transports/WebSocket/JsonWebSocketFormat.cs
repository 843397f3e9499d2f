using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>JSON in WebSocket text frames: subprotocol <c>notify.json</c>, and what a client gets that names none.</summary>
internal sealed class JsonWebSocketFormat : JsonFrameFormat
{
    /// <summary>The subprotocol's name.</summary>
    public const string SubProtocol = "notify.json";

    private const int MaxReasonBytes = 123; // RFC 6455 5.5: control frame 125 bytes, minus 2 for the code

    /// <summary>The one instance: connections that share it share frames.</summary>
    public static JsonWebSocketFormat Instance { get; } = new();

    /// <inheritdoc />
    public override Frame? KeepAlive { get; } = new([0x80 | WebSocketFrames.Ping, 0]);

    /// <inheritdoc />
    public override bool AnswersKeepAlive => true;

    /// <inheritdoc />
    public override Frame? Close(DisconnectCode code, string reason)
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

    /// <inheritdoc />
    protected override void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> message) => WebSocketFrames.Write(output, WebSocketFrames.Text, message);
}
