using System.Buffers;
using System.Text.Json;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>What webhooks tell of.</summary>
internal enum WebhookEventKind
{
    /// <summary>See <see cref="IConnectionWatch.Connected"/>.</summary>
    Connected,

    /// <summary>See <see cref="IConnectionWatch.Disconnected"/>.</summary>
    Disconnected,

    /// <summary>See <see cref="IConnectionWatch.Subscribed"/>.</summary>
    Subscribed,

    /// <summary>See <see cref="IConnectionWatch.Unsubscribed"/>.</summary>
    Unsubscribed,

    /// <summary>See <see cref="Grains.Silos.IChannelWatch.Occupied"/>.</summary>
    Occupied,

    /// <summary>See <see cref="Grains.Silos.IChannelWatch.Vacated"/>.</summary>
    Vacated,
}

/// <summary>One event, in words of CloudEvents 1.0 (JSON format).</summary>
/// <param name="Kind">What has happened.</param>
/// <param name="Connection">To which connection; null: to a channel.</param>
/// <param name="Channel">The channel or pattern; null: it is about none.</param>
/// <param name="Code">Of a close of ours.</param>
/// <param name="Reason">Of a close of ours.</param>
internal readonly record struct WebhookEvent(WebhookEventKind Kind, Connection? Connection, string? Channel, DisconnectCode? Code = null, string? Reason = null)
{
    /// <summary>What each kind is called in the configuration, and at the end of its <c>type</c>.</summary>
    public static readonly string[] Names = [.. Enum.GetNames<WebhookEventKind>().Select(JsonNamingPolicy.CamelCase.ConvertName)];

    private static readonly string[] Types = [.. Names.Select((name, kind) => $"orleansnotify.{(kind < (int)WebhookEventKind.Occupied ? "connection" : "channel")}.{name}")];

    /// <summary>Encodes it: once for all hooks and tries.</summary>
    /// <param name="source">Its <c>source</c>.</param>
    /// <param name="now">Its <c>time</c>.</param>
    public byte[] Encode(string source, DateTimeOffset now)
    {
        var bytes = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("specversion", "1.0");
            json.WriteString("id", Guid.CreateVersion7(now));
            json.WriteString("source", source);
            json.WriteString("type", Types[(int)Kind]);
            json.WriteString("subject", Connection?.Id ?? Channel);
            json.WriteString("time", now.UtcDateTime);
            json.WriteStartObject("data");
            if (Connection is not null)
            {
                json.WriteString("connection", Connection.Id);
                if (Connection.User is { } user)
                    json.WriteString("user", user);
                json.WriteString("transport", Connection.Transport);
            }
            if (Channel is not null)
                json.WriteString("channel", Channel);
            if (Code is { } code)
            {
                json.WriteNumber("code", (int)code);
                json.WriteString("reason", Reason);
            }
            json.WriteEndObject();
            json.WriteEndObject();
        }
        return bytes.WrittenSpan.ToArray();
    }
}
