namespace OrleansNotify.Protocol;

/// <summary>What a publisher wants published. Holds only checked payloads: see <see cref="TryCreate"/>.</summary>
public sealed class PublicationDraft
{
    internal PublicationDraft(ReadOnlyMemory<byte> data, PayloadShape shape)
    {
        Data = data;
        Shape = shape;
    }

    /// <summary>One JSON value, valid UTF-8.</summary>
    public ReadOnlyMemory<byte> Data { get; }

    /// <summary>What the check saw in <see cref="Data"/>.</summary>
    public PayloadShape Shape { get; }

    /// <summary>The publisher's own name for the event; null for none.</summary>
    public string? Event { get; init; }

    /// <summary>The publisher's tags; null for none.</summary>
    public string[]? Tags { get; init; }

    /// <summary>The user whose connection publishes; null for HTTP and grain callers.</summary>
    public string? Publisher { get; init; }

    /// <summary>Id of the publishing connection when it wants to be spared its own event; null otherwise.</summary>
    public string? Origin { get; init; }

    /// <summary>A repeat with the same key gets the first one's answer and is not delivered again; null: never a repeat. 1–255 characters.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Takes a payload if it is one JSON value as <see cref="JsonPayload"/> wants it. The memory is kept, not copied: leave it unchanged.</summary>
    /// <param name="data">UTF-8.</param>
    /// <param name="draft">The draft, or null.</param>
    /// <param name="problem">Null, or a sentence that says what is wrong with the payload.</param>
    public static bool TryCreate(
        ReadOnlyMemory<byte> data,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out PublicationDraft? draft,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(false)] out string? problem)
    {
        draft = JsonPayload.TryCheck(data.Span, out var shape, out problem) ? new PublicationDraft(data, shape) : null;
        return draft is not null;
    }

    /// <summary>For a deserialiser: what was checked on the other side of a wire of ours.</summary>
    public static PublicationDraft FromChecked(ReadOnlyMemory<byte> data, PayloadShape shape, string? @event, string[]? tags, string? publisher, string? idempotencyKey, string? origin) =>
        new(data, shape) { Event = @event, Tags = tags, Publisher = publisher, IdempotencyKey = idempotencyKey, Origin = origin };
}
