using System.Buffers;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.AspNetCore.Transports;

/// <summary>JSON, in whatever a transport puts around each message.</summary>
internal abstract class JsonFrameFormat : IFrameFormat
{
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_message;

    /// <inheritdoc />
    public abstract Frame? KeepAlive { get; }

    /// <inheritdoc />
    public abstract bool AnswersKeepAlive { get; }

    /// <inheritdoc />
    public virtual void WriteEvent(IBufferWriter<byte> output, string channel, ChannelEpoch? epoch, Publication publication)
    {
        var message = Message();
        JsonReplyWriter.WriteEvent(message, channel, epoch, publication);
        Write(output, message.WrittenSpan);
    }

    /// <inheritdoc />
    public virtual Frame Subscribed(ReadOnlySpan<byte> id, string channel, ChannelPosition position, bool recoverable, bool? recovered)
    {
        var message = Message();
        JsonReplyWriter.WriteSubscribed(message, id, channel, position, recoverable, recovered);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame SubscribedPattern(ReadOnlySpan<byte> id, string pattern)
    {
        var message = Message();
        JsonReplyWriter.WriteSubscribed(message, id, pattern);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame Unsubscribed(ReadOnlySpan<byte> id, string channel)
    {
        var message = Message();
        JsonReplyWriter.WriteUnsubscribed(message, id, channel);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame Dropped(string channel, NotifyError code)
    {
        var message = Message();
        JsonReplyWriter.WriteDropped(message, channel, code);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame Authenticated(ReadOnlySpan<byte> id, string user, DateTimeOffset expires)
    {
        var message = Message();
        JsonReplyWriter.WriteAuthenticated(message, id, user, expires);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame Refreshed(ReadOnlySpan<byte> id, DateTimeOffset expires)
    {
        var message = Message();
        JsonReplyWriter.WriteRefreshed(message, id, expires);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame Pong(ReadOnlySpan<byte> id)
    {
        var message = Message();
        JsonReplyWriter.WritePong(message, id);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame Error(ReadOnlySpan<byte> id, NotifyError code, string message, string? channel)
    {
        var error = Message();
        JsonReplyWriter.WriteError(error, id, code, message, channel);
        return Framed(error);
    }

    /// <inheritdoc />
    public virtual Frame Position(string channel, ChannelPosition position, bool recovered)
    {
        var message = Message();
        JsonReplyWriter.WritePosition(message, channel, position, recovered);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame Published(ReadOnlySpan<byte> id, PublishResult result)
    {
        var message = Message();
        JsonReplyWriter.WritePublished(message, id, result);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame History(ReadOnlySpan<byte> id, string channel, ChannelPosition position, IReadOnlyList<Publication> publications)
    {
        var message = Message();
        JsonReplyWriter.WriteHistory(message, id, channel, position, publications);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame PresenceChange(string channel, bool joined, PresenceMember member)
    {
        var message = Message();
        JsonReplyWriter.WritePresenceChange(message, channel, joined, member);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame Presence(ReadOnlySpan<byte> id, string channel, IReadOnlyList<PresenceMember>? members, int total)
    {
        var message = Message();
        JsonReplyWriter.WritePresence(message, id, channel, members, total);
        return Framed(message);
    }

    /// <inheritdoc />
    public Frame PresenceStats(ReadOnlySpan<byte> id, string channel, int connections, int users)
    {
        var message = Message();
        JsonReplyWriter.WritePresenceStats(message, id, channel, connections, users);
        return Framed(message);
    }

    /// <inheritdoc />
    public abstract Frame? Close(DisconnectCode code, string reason);

    /// <summary>Puts one message into the transport's framing.</summary>
    protected abstract void Write(IBufferWriter<byte> output, ReadOnlySpan<byte> message);

    /// <summary>An empty buffer for one message, for use until the next one on this thread.</summary>
    protected static ArrayBufferWriter<byte> Message()
    {
        var message = t_message ??= new ArrayBufferWriter<byte>(1024);
        message.ResetWrittenCount();
        return message;
    }

    private Frame Framed(ArrayBufferWriter<byte> message)
    {
        var output = new ArrayBufferWriter<byte>(message.WrittenCount + 10);
        Write(output, message.WrittenSpan);
        return new Frame(output.WrittenSpan.ToArray());
    }
}
