using System.Diagnostics.CodeAnalysis;

namespace OrleansNotify.Protocol;

/// <summary>
/// What a publisher may put beside the payload, the same for every encoding and transport. Lengths count UTF-16 units (JavaScript's
/// <c>length</c>). None of these texts may hold control characters or half a surrogate pair: they reach log lines, headers and frames.
/// </summary>
public static class PublicationRules
{
    /// <summary>Longest event name.</summary>
    public const int MaxEventLength = 64;

    /// <summary>Most tags on one publication.</summary>
    public const int MaxTags = 10;

    /// <summary>Longest tag.</summary>
    public const int MaxTagLength = 64;

    /// <summary>Longest idempotency key.</summary>
    public const int MaxIdempotencyKeyLength = 255;

    /// <summary>Checks everything at once; null means "not given" and is always fine.</summary>
    /// <param name="event">See <see cref="PublicationDraft.Event"/>.</param>
    /// <param name="tags">See <see cref="PublicationDraft.Tags"/>.</param>
    /// <param name="idempotencyKey">See <see cref="PublicationDraft.IdempotencyKey"/>.</param>
    /// <param name="problem">Null, or a sentence that begins with the field's name in quotes.</param>
    public static bool TryCheck(string? @event, IReadOnlyList<string?>? tags, string? idempotencyKey, [NotNullWhen(false)] out string? problem) =>
        TryCheckEvent(@event, out problem) && TryCheckTags(tags, out problem) && TryCheckIdempotencyKey(idempotencyKey, out problem);

    /// <summary>Checks an event name: null, or 1–64 characters.</summary>
    public static bool TryCheckEvent(string? name, [NotNullWhen(false)] out string? problem) => TryCheckText("event", name, MaxEventLength, out problem);

    /// <summary>Checks an idempotency key: null, or 1–255 characters.</summary>
    public static bool TryCheckIdempotencyKey(string? key, [NotNullWhen(false)] out string? problem) =>
        TryCheckText("idempotencyKey", key, MaxIdempotencyKeyLength, out problem);

    /// <summary>Checks tags: null, or at most 10 of 1–64 characters each, none of them null.</summary>
    public static bool TryCheckTags(IReadOnlyList<string?>? tags, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        if (tags is null)
            return true;
        if (tags.Count > MaxTags)
        {
            problem = $"\"tags\" has more than {MaxTags} entries; send at most {MaxTags}.";
            return false;
        }
        for (var i = 0; i < tags.Count; i++)
        {
            if (tags[i] is not { } tag)
            {
                problem = $"\"tags\" entry {i + 1} is null; each must be a string of 1 to {MaxTagLength} characters.";
                return false;
            }
            if (!TryCheckText("tags", tag, MaxTagLength, out problem))
                return false;
        }
        return true;
    }

    private static bool TryCheckText(string field, string? text, int maxLength, [NotNullWhen(false)] out string? problem)
    {
        problem = null;
        if (text is null)
            return true;
        if (text.Length == 0 || text.Length > maxLength)
            problem = $"\"{field}\" has text of {text.Length} characters; it takes 1 to {maxLength}.";
        else if (!IsClean(text))
            problem = $"\"{field}\" has a control character or half a surrogate pair; leave it out.";
        return problem is null;
    }

    private static bool IsClean(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]))
                return false;
            if (!char.IsSurrogate(text[i]))
                continue;
            if (!char.IsHighSurrogate(text[i]) || i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1]))
                return false;
            i++;
        }
        return true;
    }
}
