namespace OrleansNotify.Protocol;

/// <summary>The answer to one draft.</summary>
/// <param name="Refusal">Why it was not published; <see cref="PublishRefusal.None"/> when it was.</param>
/// <param name="Id">The publication's id; null when refused.</param>
/// <param name="Position">Where it sits; default when refused.</param>
/// <param name="Repeated">True when an idempotency key was seen before: this is the first one's answer.</param>
public readonly record struct PublishResult(PublishRefusal Refusal, string? Id, ChannelPosition Position, bool Repeated = false);

/// <summary>Why a draft was not published.</summary>
public enum PublishRefusal
{
    /// <summary>It was published.</summary>
    None = 0,

    /// <summary>The idempotency key was used before with other content.</summary>
    KeyReused = 1,

    /// <summary>Not accepted: nothing was numbered, a retry is safe.</summary>
    NotAccepted = 2,

    /// <summary>It may or may not have been accepted: retry with the same idempotency key.</summary>
    Unknown = 3,

    /// <summary>The channel's namespace does not exist.</summary>
    UnknownNamespace = 4,

    /// <summary>Faster than the channel's namespace allows: nothing was numbered, a retry after a moment is safe.</summary>
    TooMany = 5,
}
