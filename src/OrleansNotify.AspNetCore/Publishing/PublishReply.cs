using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>What a publisher is told. Written by hand: names, ids and epochs need no escaping (their alphabets have nothing to escape).</summary>
internal static class PublishReply
{
    // {"id":"evt_…32","channel":"","epoch":"…50","offset":…20} and {"status":202, before it.
    private const int MaxFixed = 192;

    /// <summary>The status that goes with a refusal.</summary>
    public static int StatusOf(PublishRefusal refusal) => refusal switch
    {
        PublishRefusal.None => StatusCodes.Status202Accepted,
        PublishRefusal.KeyReused => StatusCodes.Status422UnprocessableEntity,
        PublishRefusal.UnknownNamespace => StatusCodes.Status400BadRequest,
        PublishRefusal.TooMany => StatusCodes.Status429TooManyRequests,
        _ => StatusCodes.Status503ServiceUnavailable,
    };

    /// <summary>The sentence that goes with a refusal.</summary>
    public static string DetailOf(PublishRefusal refusal, string channel) => refusal switch
    {
        PublishRefusal.KeyReused => "This idempotency key was used before with other content; take a new key for each publication.",
        PublishRefusal.UnknownNamespace => $"Unknown namespace '{ChannelName.NamespaceOf(channel)}'; configure it under Notify:Namespaces, or use another channel.",
        PublishRefusal.TooMany => "Too many publications a second on this channel (PublishesPerSecond of its namespace): this one was not published, try again in a moment.",
        PublishRefusal.NotAccepted => "Not accepted: nothing was published, try again.",
        _ => "Unknown whether it was published: try again with the same idempotency key.",
    };

    /// <summary>The field that goes with a refusal, or null.</summary>
    public static string? FieldOf(PublishRefusal refusal) => refusal switch
    {
        PublishRefusal.KeyReused => "idempotencyKey",
        PublishRefusal.UnknownNamespace => "channel",
        _ => null,
    };

    /// <summary>The member <c>outcome</c> that goes with a refusal, or null.</summary>
    public static string? OutcomeOf(PublishRefusal refusal) => refusal switch
    {
        PublishRefusal.NotAccepted => "not_accepted",
        PublishRefusal.Unknown => "unknown",
        _ => null,
    };

    /// <summary>Answers 202 with <c>{"id":…,"channel":…,"epoch":…,"offset":…}</c>.</summary>
    public static Task WriteAccepted(HttpResponse response, string channel, in PublishResult result)
    {
        Span<byte> json = stackalloc byte[MaxFixed + ChannelName.MaxLength];
        var length = Format(json, "{"u8, channel, result);
        response.StatusCode = StatusCodes.Status202Accepted;
        response.ContentType = "application/json";
        response.ContentLength = length;
        response.BodyWriter.Write(json[..length]);
        return Task.CompletedTask; // the server flushes at the end of the request
    }

    /// <summary>One entry of a batch's answer: <c>{"status":202,"id":…,…}</c></summary>
    public static void WriteItem(IBufferWriter<byte> output, string channel, in PublishResult result)
    {
        var span = output.GetSpan(MaxFixed + ChannelName.MaxLength);
        output.Advance(Format(span, "{\"status\":202,"u8, channel, result));
    }

    /// <summary>One entry of a batch's answer: <c>{"status":400,"error":{"detail":…[,"field":…][,"outcome":…]}}</c></summary>
    public static void WriteItem(Utf8JsonWriter json, int status, string detail, string? field, string? outcome)
    {
        json.WriteStartObject();
        json.WriteNumber("status"u8, status);
        json.WriteStartObject("error"u8);
        json.WriteString("detail"u8, detail);
        if (field is not null)
            json.WriteString("field"u8, field);
        if (outcome is not null)
            json.WriteString("outcome"u8, outcome);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static int Format(Span<byte> json, ReadOnlySpan<byte> start, string channel, in PublishResult result)
    {
        var length = 0;
        Put(json, ref length, start);
        Put(json, ref length, "\"id\":\""u8);
        length += Encoding.ASCII.GetBytes(result.Id, json[length..]);
        Put(json, ref length, "\",\"channel\":\""u8);
        length += Encoding.ASCII.GetBytes(channel, json[length..]);
        Put(json, ref length, "\",\"epoch\":\""u8);
        result.Position.Epoch.TryFormat(json[length..], out var written);
        length += written;
        Put(json, ref length, "\",\"offset\":"u8);
        result.Position.Offset.TryFormat(json[length..], out written, default, CultureInfo.InvariantCulture);
        length += written;
        Put(json, ref length, "}"u8);
        return length;
    }

    private static void Put(Span<byte> json, ref int length, ReadOnlySpan<byte> part)
    {
        part.CopyTo(json[length..]);
        length += part.Length;
    }
}
