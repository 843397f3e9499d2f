using System.Buffers.Binary;
using Orleans.Serialization;

namespace OrleansNotify.Grains.Channels.Durable;

/// <summary>Turns the entries of a commit into bytes and back.</summary>
internal sealed class LogEntryCodec(Serializer<LogEntry[]> serializer)
{
    private const int LengthBytes = sizeof(int);

    /// <summary>The bytes of one commit.</summary>
    public byte[] Encode(LogEntry[] entries)
    {
        var content = serializer.SerializeToArray(entries);
        var chunk = new byte[LengthBytes + content.Length];
        BinaryPrimitives.WriteInt32LittleEndian(chunk, content.Length);
        content.CopyTo(chunk, LengthBytes);
        return chunk;
    }

    /// <summary>All entries of a segment.</summary>
    /// <exception cref="InvalidDataException">The bytes are not what <see cref="Encode"/> wrote.</exception>
    public List<LogEntry> Decode(ReadOnlyMemory<byte> chunks)
    {
        List<LogEntry> entries = [];
        while (chunks.Length > 0)
        {
            var length = chunks.Length < LengthBytes ? -1 : BinaryPrimitives.ReadInt32LittleEndian(chunks.Span);
            if (length < 0 || length > chunks.Length - LengthBytes)
                throw new InvalidDataException("A segment of a channel's log is damaged.");
            entries.AddRange(serializer.Deserialize(chunks.Slice(LengthBytes, length)) ?? []);
            chunks = chunks[(LengthBytes + length)..];
        }
        return entries;
    }
}
