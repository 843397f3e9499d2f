using System.Buffers;
using System.Buffers.Text;
using System.Text;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.AspNetCore.Transports.Sse;

/// <summary>
/// JSON in Server-Sent Events (WHATWG HTML 9.2): each message is the <c>data</c> of one event. Where a message moves a channel's position, a line
/// <c>id: CHANNEL OFFSET [EPOCH]</c> stands before it, which <see cref="SsePositions"/> replaces by what the client gets: all of its channels' positions.
/// So encoded events can be shared by connections with different channels.
/// </summary>
internal sealed class SseFormat : JsonFrameFormat
{
    /// <summary>The one instance: connections that share it share frames.</summary>
    public static SseFormat Instance { get; } = new();

    /// <inheritdoc />
    public override Frame? KeepAlive { get; } = new(":\n\n"u8.ToArray()); // a comment

    /// <inheritdoc />
    public override bool AnswersKeepAlive => false;

    /// <inheritdoc />
    public override void WriteEvent(IBufferWriter<byte> output, string channel, ChannelEpoch? epoch, Publication publication)
    {
        WritePosition(output, channel, publication.Offset, epoch);
        base.WriteEvent(output, channel, epoch, publication);
    }

    /// <inheritdoc />
    /// <remarks>A recovered subscription is where the client was, until what it missed has followed: no id.</remarks>
    public override Frame Subscribed(ReadOnlySpan<byte> id, string channel, ChannelPosition position, bool recoverable, bool? recovered)
    {
        var message = base.Subscribed(id, channel, position, recoverable, recovered);
        return recovered == true ? message : At(channel, position, message);
    }

    /// <inheritdoc />
    public override Frame Position(string channel, ChannelPosition position, bool recovered) => At(channel, position, base.Position(channel, position, recovered));

    /// <inheritdoc />
    /// <remarks>Of its own event type: it is for who wants to know whether to come back.</remarks>
    public override Frame? Close(DisconnectCode code, string reason)
    {
        var message = Message();
        JsonReplyWriter.WriteClosed(message, code, reason);
        var output = new ArrayBufferWriter<byte>(message.WrittenCount + 32);
        output.Write("event: close\n"u8);
        Write(output, message.WrittenSpan);
        return new Frame(output.WrittenSpan.ToArray());
    }

    /// <inheritdoc />
    protected override void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> message)
    {
        // Payloads may have line ends between their tokens, and a line of data has none: the client gets them joined by line feeds.
        while (true)
        {
            var end = message.IndexOfAny((byte)'\n', (byte)'\r');
            output.Write("data: "u8);
            output.Write(end < 0 ? message : message[..end]);
            output.Write("\n"u8);
            if (end < 0)
                break;
            message = message[(end + 1)..];
        }
        output.Write("\n"u8);
    }

    private static Frame At(string channel, ChannelPosition position, Frame message)
    {
        var output = new ArrayBufferWriter<byte>(message.Bytes.Length + channel.Length + 96);
        WritePosition(output, channel, position.Offset, position.Epoch);
        output.Write(message.Bytes);
        return new Frame(output.WrittenSpan.ToArray());
    }

    private static void WritePosition(IBufferWriter<byte> output, string channel, ulong offset, ChannelEpoch? epoch)
    {
        const int Fixed = 4 + 1 + 20 + 1 + ChannelEpoch.MaxLength + 1; // "id: ", offset and epoch behind spaces, line feed
        var line = output.GetSpan(channel.Length + Fixed);
        "id: "u8.CopyTo(line);
        var length = 4 + Encoding.ASCII.GetBytes(channel, line[4..]);
        line[length++] = (byte)' ';
        Utf8Formatter.TryFormat(offset, line[length..], out var digits);
        length += digits;
        if (epoch is { } run)
        {
            line[length++] = (byte)' ';
            run.TryFormat(line[length..], out var written);
            length += written;
        }
        line[length++] = (byte)'\n';
        output.Advance(length);
    }
}
