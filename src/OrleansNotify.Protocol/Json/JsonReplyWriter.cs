using System.Buffers;

namespace OrleansNotify.Protocol.Json;

/// <summary>Writes what the server says as JSON text, one message a call. Payloads go out byte for byte as they were published.</summary>
public static class JsonReplyWriter
{
    /// <summary><c>{"type":"event","channel":…,"id":…,"offset":…[,"epoch":…][,"event":…][,"tags":…][,"publisher":…],"data":{"id":…,"timestamp":…,…}}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="channel">The concrete channel.</param>
    /// <param name="epoch">Written when not null.</param>
    /// <param name="publication">What to deliver.</param>
    public static void WriteEvent(IBufferWriter<byte> output, string channel, ChannelEpoch? epoch, Publication publication) => throw new NotImplementedException();

    /// <summary><c>{"type":"subscribed","channel":…[,"id":…],"epoch":…,"offset":…,"recoverable":…[,"wasRecovering":true,"recovered":…]}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="id">As in <see cref="ClientCommand"/>; empty: left out.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="position">What the subscription joins at.</param>
    /// <param name="recoverable">Whether the channel keeps history.</param>
    /// <param name="recovered">Null when recovery was not asked for.</param>
    public static void WriteSubscribed(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string channel, ChannelPosition position, bool recoverable, bool? recovered) =>
        throw new NotImplementedException();

    /// <summary><c>{"type":"unsubscribed","channel":…[,"id":…]}</c></summary>
    public static void WriteUnsubscribed(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string channel) => throw new NotImplementedException();

    /// <summary><c>{"type":"pong"[,"id":…]}</c></summary>
    public static void WritePong(IBufferWriter<byte> output, ReadOnlySpan<byte> id) => throw new NotImplementedException();

    /// <summary><c>{"type":"error"[,"id":…],"code":…,"message":…[,"channel":…]}</c></summary>
    public static void WriteError(IBufferWriter<byte> output, ReadOnlySpan<byte> id, NotifyError code, string message, string? channel = null) => throw new NotImplementedException();

    /// <summary><c>{"type":"position","channel":…,"epoch":…,"offset":…,"recovered":…}</c></summary>
    public static void WritePosition(IBufferWriter<byte> output, string channel, ChannelPosition position, bool recovered) => throw new NotImplementedException();

    /// <summary><c>{"type":"published"[,"id":…],"publication":"evt_…","epoch":…,"offset":…}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="id">As in <see cref="ClientCommand"/>; empty: left out.</param>
    /// <param name="result">An accepted one.</param>
    public static void WritePublished(IBufferWriter<byte> output, ReadOnlySpan<byte> id, PublishResult result) => throw new NotImplementedException();

    /// <summary><c>{"type":"history"[,"id":…],"channel":…,"epoch":…,"offset":…,"publications":[{"id":…,"offset":…,"data":…}…]}</c></summary>
    public static void WriteHistory(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string channel, ChannelPosition position, IReadOnlyList<Publication> publications) =>
        throw new NotImplementedException();

    /// <summary>One publication as it stands in a history page (HTTP and WebSocket alike): the event's members but <c>type</c> and <c>channel</c>.</summary>
    public static void WritePublication(IBufferWriter<byte> output, Publication publication) => throw new NotImplementedException();
}
