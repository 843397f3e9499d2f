using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>One request of a publisher and what it was told. A retry is a second attempt with the same key.</summary>
/// <param name="Channel">Published to.</param>
/// <param name="Key">Its Idempotency-Key: one per publication, the same for its retry.</param>
/// <param name="Payload">Hash of the payload (<see cref="PayloadHash"/>); no two keys share one.</param>
/// <param name="SentAt">Since the run began.</param>
/// <param name="AnsweredAt">Since the run began; when the publisher knew the outcome, or gave up waiting.</param>
/// <param name="Outcome">What it was told.</param>
/// <param name="Position">What the 202 said; null with every other outcome.</param>
/// <param name="Detail">Silo, status and reason, for people.</param>
public sealed record PublishAttempt(
    string Channel, string Key, ulong Payload, TimeSpan SentAt, TimeSpan AnsweredAt, PublishOutcome Outcome, ChannelPosition? Position, string Detail = "");

/// <summary>What a publisher knows after an attempt.</summary>
public enum PublishOutcome
{
    /// <summary>202: it stands at the position that was told.</summary>
    Accepted,

    /// <summary>4xx: it never happened and never will.</summary>
    Refused,

    /// <summary>503 <c>not_accepted</c>, or the request never left: this attempt did nothing.</summary>
    NotAccepted,

    /// <summary>503 <c>unknown</c>, no answer, a broken connection.</summary>
    Unknown,
}
