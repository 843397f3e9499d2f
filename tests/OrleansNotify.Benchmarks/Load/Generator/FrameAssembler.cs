using System.Buffers.Binary;

namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>What a server sends after the handshake, cut into WebSocket frames (RFC 6455 5.2), however the bytes arrive. Keeps only what is not whole yet.</summary>
internal sealed class FrameAssembler
{
    private byte[] _rest = [];
    private int _count;

    /// <summary>Takes what was received and hands over each frame that is whole now.</summary>
    public void Feed(ReadOnlySpan<byte> received, IFrameReceiver to)
    {
        if (_count == 0)
        {
            Keep(received[Read(received, to)..]);
            return;
        }
        Keep(received);
        var used = Read(_rest.AsSpan(0, _count), to);
        _rest.AsSpan(used, _count - used).CopyTo(_rest);
        _count -= used;
    }

    private static int Read(ReadOnlySpan<byte> bytes, IFrameReceiver to)
    {
        var at = 0;
        while (bytes.Length - at >= 2)
        {
            var rest = bytes[at..];
            var (head, length) = (2, (long)(rest[1] & 0x7F)); // a server does not mask
            if (length == 126)
            {
                if (rest.Length < 4)
                    break;
                (head, length) = (4, BinaryPrimitives.ReadUInt16BigEndian(rest[2..]));
            }
            else if (length == 127)
            {
                if (rest.Length < 10)
                    break;
                (head, length) = (10, BinaryPrimitives.ReadInt64BigEndian(rest[2..]));
            }
            if (rest.Length < head + length)
                break;
            to.Receive((byte)(rest[0] & 0x0F), rest.Slice(head, (int)length));
            at += head + (int)length;
        }
        return at;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (_rest.Length < _count + bytes.Length)
            Array.Resize(ref _rest, Math.Max(_count + bytes.Length, _rest.Length * 2));
        bytes.CopyTo(_rest.AsSpan(_count));
        _count += bytes.Length;
    }
}

/// <summary>Gets whole frames.</summary>
internal interface IFrameReceiver
{
    /// <summary>One frame.</summary>
    /// <param name="opcode">RFC 6455 5.2: 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong.</param>
    /// <param name="payload">For the length of the call.</param>
    void Receive(byte opcode, ReadOnlySpan<byte> payload);
}
