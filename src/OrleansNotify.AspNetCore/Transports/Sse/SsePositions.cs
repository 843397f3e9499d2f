using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace OrleansNotify.AspNetCore.Transports.Sse;

/// <summary>
/// How far one client has come in each of the channels it asked for. What is written passes through here, so that the <c>id</c> of every event tells the
/// positions of all channels as the client has them once it has read this event: whenever the connection breaks, its last id is the truth.
/// </summary>
internal sealed class SsePositions
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _places;
    private readonly Place[] _channels;

    /// <summary>For a client at the door.</summary>
    public SsePositions(SseRequest request)
    {
        _channels = [.. request.Had.Select(had => had is null ? default : new Place(Encoding.ASCII.GetBytes(had.Epoch), had.Offset))];
        _places = request.Channels.Index().ToDictionary(c => c.Item, c => c.Index, StringComparer.Ordinal).GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Copies events, giving those that move a position their id.</summary>
    /// <param name="events">Whole events as <see cref="SseFormat"/> made them.</param>
    /// <param name="output">Gets what the client reads.</param>
    public void Copy(ReadOnlySpan<byte> events, IBufferWriter<byte> output)
    {
        while (events.Length > 0)
        {
            if (events.StartsWith("id: "u8))
            {
                var line = events.IndexOf((byte)'\n');
                if (Move(events[4..line]))
                    WriteId(output);
                events = events[(line + 1)..];
            }
            var end = events.IndexOf("\n\n"u8) + 2;
            output.Write(events[..end]);
            events = events[end..];
        }
    }

    // False for a channel that the client gets without having asked for it: nothing to come back to.
    private bool Move(ReadOnlySpan<byte> position)
    {
        Span<char> name = stackalloc char[position.IndexOf((byte)' ')];
        Encoding.ASCII.GetChars(position[..name.Length], name);
        if (!_places.TryGetValue(name, out var index))
            return false;
        position = position[(name.Length + 1)..];
        _ = Utf8Parser.TryParse(position, out ulong offset, out var digits);
        // Without an epoch: that of the position before.
        _channels[index] = new Place(digits < position.Length ? position[(digits + 1)..].ToArray() : _channels[index].Epoch, offset);
        return true;
    }

    private void WriteId(IBufferWriter<byte> output)
    {
        output.Write("id: "u8);
        for (var i = 0; i < _channels.Length; i++)
        {
            if (i > 0)
                output.Write(","u8);
            if (_channels[i].Epoch is not { } epoch)
                continue;
            output.Write(epoch);
            var rest = output.GetSpan(21);
            rest[0] = (byte)':';
            Utf8Formatter.TryFormat(_channels[i].Offset, rest[1..], out var digits);
            output.Advance(1 + digits);
        }
        output.Write("\n"u8);
    }

    private readonly record struct Place(byte[]? Epoch, ulong Offset);
}
