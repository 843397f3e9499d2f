using System.Buffers;
using System.Buffers.Binary;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>Frames from server to client (RFC 6455, 5.2): final, unmasked.</summary>
internal static class WebSocketFrames
{
    /// <summary>Opcode of a text frame.</summary>
    public const byte Text = 0x1;

    /// <summary>Opcode of a close frame.</summary>
    public const byte Close = 0x8;

    /// <summary>Opcode of a ping frame.</summary>
    public const byte Ping = 0x9;

    /// <summary>Writes a frame.</summary>
    public static void Write(IBufferWriter<byte> output, byte opcode, ReadOnlySpan<byte> payload)
    {
        var header = payload.Length switch { < 126 => 2, <= ushort.MaxValue => 4, _ => 10 };
        var frame = output.GetSpan(header + payload.Length);
        frame[0] = (byte)(0x80 | opcode); // FIN
        switch (header)
        {
            case 2:
                frame[1] = (byte)payload.Length;
                break;
            case 4:
                frame[1] = 126;
                BinaryPrimitives.WriteUInt16BigEndian(frame[2..], (ushort)payload.Length);
                break;
            default:
                frame[1] = 127;
                BinaryPrimitives.WriteUInt64BigEndian(frame[2..], (ulong)payload.Length);
                break;
        }
        payload.CopyTo(frame[header..]);
        output.Advance(header + payload.Length);
    }
}
