using System.Buffers;

namespace OrleansNotify.Protocol.Json;

/// <summary>
/// Writes what the server says as JSON text, one message a call. Payloads go out byte for byte as they were published. Nothing is allocated but
/// what <c>output</c> needs to grow.
/// </summary>
public static partial class JsonReplyWriter
{
    // Room for all names, punctuation and numbers of any one message: an event, the longest, takes 219 with its epoch (52) and timestamp (26).
    private const int Fixed = 256;

    /// <summary><c>{"type":"event","channel":…,"id":…,"offset":…[,"epoch":…][,"event":…][,"tags":…][,"publisher":…],"data":{"id":…,"timestamp":…,…}}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="channel">The concrete channel.</param>
    /// <param name="epoch">Written when not null.</param>
    /// <param name="publication">What to deliver.</param>
    public static void WriteEvent(IBufferWriter<byte> output, string channel, ChannelEpoch? epoch, Publication publication)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel) + MaxBytes(publication)));
        json.Raw("{\"type\":\"event\",\"channel\":"u8);
        json.String(channel);
        json.Raw(","u8);
        Members(ref json, epoch, publication);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"subscribed","channel":…[,"id":…],"epoch":…,"offset":…,"recoverable":…[,"wasRecovering":true,"recovered":…]}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="id">As in <see cref="ClientCommand"/>; empty: left out.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="position">What the subscription joins at.</param>
    /// <param name="recoverable">Whether the channel keeps history.</param>
    /// <param name="recovered">Null when recovery was not asked for.</param>
    public static void WriteSubscribed(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string channel, ChannelPosition position, bool recoverable, bool? recovered)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel) + id.Length));
        json.Raw("{\"type\":\"subscribed\",\"channel\":"u8);
        json.String(channel);
        Id(ref json, id);
        Position(ref json, position);
        json.Raw(",\"recoverable\":"u8);
        json.Bool(recoverable);
        if (recovered is { } done)
        {
            json.Raw(",\"wasRecovering\":true,\"recovered\":"u8);
            json.Bool(done);
        }
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"subscribed","channel":…[,"id":…]}</c>, for a pattern.</summary>
    public static void WriteSubscribed(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string pattern)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(pattern) + id.Length));
        json.Raw("{\"type\":\"subscribed\",\"channel\":"u8);
        json.String(pattern);
        Id(ref json, id);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"unsubscribed","channel":…[,"id":…]}</c></summary>
    public static void WriteUnsubscribed(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string channel)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel) + id.Length));
        json.Raw("{\"type\":\"unsubscribed\",\"channel\":"u8);
        json.String(channel);
        Id(ref json, id);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"unsubscribed","channel":…,"code":…}</c>: the server has ended the subscription.</summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="code">Why.</param>
    public static void WriteDropped(IBufferWriter<byte> output, string channel, NotifyError code)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel)));
        json.Raw("{\"type\":\"unsubscribed\",\"channel\":"u8);
        json.String(channel);
        json.Raw(",\"code\":"u8);
        json.Number((ulong)code);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"close","code":…,"reason":…}</c>, for transports that have no farewell of their own.</summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="code">The close code.</param>
    /// <param name="reason">For people.</param>
    public static void WriteClosed(IBufferWriter<byte> output, DisconnectCode code, string reason)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(reason)));
        json.Raw("{\"type\":\"close\",\"code\":"u8);
        json.Number((ulong)code);
        json.Raw(",\"reason\":"u8);
        json.String(reason);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"authenticated"[,"id":…],"user":…,"expires":…}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="id">As in <see cref="ClientCommand"/>; empty: left out.</param>
    /// <param name="user">Who the client is.</param>
    /// <param name="expires">When its token expires; written in seconds since 1970, as in the token.</param>
    public static void WriteAuthenticated(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string user, DateTimeOffset expires)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(user) + id.Length));
        json.Raw("{\"type\":\"authenticated\""u8);
        Id(ref json, id);
        json.Raw(",\"user\":"u8);
        json.String(user);
        Expires(ref json, expires);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"refreshed"[,"id":…],"expires":…}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="id">As in <see cref="ClientCommand"/>; empty: left out.</param>
    /// <param name="expires">When the new token expires; written as in <see cref="WriteAuthenticated"/>.</param>
    public static void WriteRefreshed(IBufferWriter<byte> output, ReadOnlySpan<byte> id, DateTimeOffset expires)
    {
        var json = new JsonText(output.GetSpan(Fixed + id.Length));
        json.Raw("{\"type\":\"refreshed\""u8);
        Id(ref json, id);
        Expires(ref json, expires);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"pong"[,"id":…]}</c></summary>
    public static void WritePong(IBufferWriter<byte> output, ReadOnlySpan<byte> id)
    {
        var json = new JsonText(output.GetSpan(Fixed + id.Length));
        json.Raw("{\"type\":\"pong\""u8);
        Id(ref json, id);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"error"[,"id":…],"code":…,"message":…[,"channel":…]}</c></summary>
    public static void WriteError(IBufferWriter<byte> output, ReadOnlySpan<byte> id, NotifyError code, string message, string? channel = null)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(message) + JsonText.MaxBytes(channel ?? "") + id.Length));
        json.Raw("{\"type\":\"error\""u8);
        Id(ref json, id);
        json.Raw(",\"code\":"u8);
        json.Number((ulong)code);
        json.Raw(",\"message\":"u8);
        json.String(message);
        if (channel is not null)
        {
            json.Raw(",\"channel\":"u8);
            json.String(channel);
        }
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"position","channel":…,"epoch":…,"offset":…,"recovered":…}</c></summary>
    public static void WritePosition(IBufferWriter<byte> output, string channel, ChannelPosition position, bool recovered)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel)));
        json.Raw("{\"type\":\"position\",\"channel\":"u8);
        json.String(channel);
        Position(ref json, position);
        json.Raw(",\"recovered\":"u8);
        json.Bool(recovered);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"published"[,"id":…],"publication":"evt_…","epoch":…,"offset":…}</c></summary>
    /// <param name="output">Gets the message.</param>
    /// <param name="id">As in <see cref="ClientCommand"/>; empty: left out.</param>
    /// <param name="result">An accepted one.</param>
    public static void WritePublished(IBufferWriter<byte> output, ReadOnlySpan<byte> id, PublishResult result)
    {
        var publication = result.Id ?? throw new ArgumentException("A refused publication has no reply of this kind.", nameof(result));
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(publication) + id.Length));
        json.Raw("{\"type\":\"published\""u8);
        Id(ref json, id);
        json.Raw(",\"publication\":"u8);
        json.String(publication);
        Position(ref json, result.Position);
        json.Raw("}"u8);
        output.Advance(json.Length);
    }

    /// <summary><c>{"type":"history"[,"id":…],"channel":…,"epoch":…,"offset":…,"publications":[{"id":…,"offset":…,"data":…}…]}</c></summary>
    public static void WriteHistory(IBufferWriter<byte> output, ReadOnlySpan<byte> id, string channel, ChannelPosition position, IReadOnlyList<Publication> publications)
    {
        var json = new JsonText(output.GetSpan(Fixed + JsonText.MaxBytes(channel) + id.Length));
        json.Raw("{\"type\":\"history\""u8);
        Id(ref json, id);
        json.Raw(",\"channel\":"u8);
        json.String(channel);
        Position(ref json, position);
        json.Raw(",\"publications\":["u8);
        output.Advance(json.Length);
        for (var i = 0; i < publications.Count; i++)
        {
            if (i > 0)
                output.Write(","u8);
            WritePublication(output, publications[i]);
        }
        output.Write("]}"u8);
    }

    /// <summary>One publication as it stands in a history page (HTTP and WebSocket alike): the event's members but <c>type</c> and <c>channel</c>.</summary>
    public static void WritePublication(IBufferWriter<byte> output, Publication publication)
    {
        var json = new JsonText(output.GetSpan(Fixed + MaxBytes(publication)));
        json.Raw("{"u8);
        Members(ref json, null, publication);
        output.Advance(json.Length);
    }

    private static int MaxBytes(Publication publication)
    {
        var bytes = publication.Data.Length + (2 * JsonText.MaxBytes(publication.Id));
        if (publication.Event is { } name)
            bytes += JsonText.MaxBytes(name);
        if (publication.Publisher is { } publisher)
            bytes += JsonText.MaxBytes(publisher);
        foreach (var tag in publication.Tags ?? [])
            bytes += JsonText.MaxBytes(tag) + 1;
        return bytes;
    }

    // From "id" up to and with the closing brace.
    private static void Members(ref JsonText json, ChannelEpoch? epoch, Publication publication)
    {
        json.Raw("\"id\":"u8);
        json.String(publication.Id);
        json.Raw(",\"offset\":"u8);
        json.Number(publication.Offset);
        if (epoch is { } run)
        {
            json.Raw(",\"epoch\":"u8);
            json.Epoch(run);
        }
        if (publication.Event is { } name)
        {
            json.Raw(",\"event\":"u8);
            json.String(name);
        }
        if (publication.Tags is { Length: > 0 } tags)
            Tags(ref json, tags);
        if (publication.Publisher is { } publisher)
        {
            json.Raw(",\"publisher\":"u8);
            json.String(publisher);
        }
        json.Raw(",\"data\":"u8);
        Data(ref json, publication);
        json.Raw("}"u8);
    }

    private static void Tags(ref JsonText json, string[] tags)
    {
        json.Raw(",\"tags\":"u8);
        for (var i = 0; i < tags.Length; i++)
        {
            json.Raw(i == 0 ? "["u8 : ","u8);
            json.String(tags[i]);
        }
        json.Raw("]"u8);
    }

    // The publisher's object with what it does not have itself put first, or its value wrapped. White space around the value is not part of it.
    private static void Data(ref JsonText json, Publication publication)
    {
        var data = publication.Data.Span.Trim(" \t\r\n"u8);
        var shape = publication.Shape;
        var isObject = (shape & PayloadShape.Object) != 0;
        var separator = "{"u8;
        if ((shape & PayloadShape.HasId) == 0)
        {
            json.Raw("{\"id\":"u8);
            json.String(publication.Id);
            separator = ","u8;
        }
        if ((shape & PayloadShape.HasTimestamp) == 0)
        {
            json.Raw(separator);
            json.Raw("\"timestamp\":"u8);
            json.Timestamp(publication.PublishedAt);
            separator = ","u8;
        }
        if (!isObject)
        {
            json.Raw(",\"value\":"u8);
            json.Raw(data);
            json.Raw("}"u8);
            return;
        }
        // Behind the publisher's own '{'; ours, if any, is written.
        json.Raw((shape & PayloadShape.HasMembers) != 0 || separator[0] == '{' ? separator : default);
        json.Raw(data[1..]);
    }

    private static void Id(ref JsonText json, scoped ReadOnlySpan<byte> id)
    {
        if (id.IsEmpty)
            return;
        json.Raw(",\"id\":"u8);
        json.Raw(id);
    }

    private static void Expires(ref JsonText json, DateTimeOffset expires)
    {
        json.Raw(",\"expires\":"u8);
        json.Number((ulong)expires.ToUnixTimeSeconds());
        json.Raw("}"u8);
    }

    private static void Position(ref JsonText json, ChannelPosition position)
    {
        json.Raw(",\"epoch\":"u8);
        json.Epoch(position.Epoch);
        json.Raw(",\"offset\":"u8);
        json.Number(position.Offset);
    }
}
