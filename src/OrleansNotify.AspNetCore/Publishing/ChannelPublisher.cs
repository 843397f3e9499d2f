using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>
/// The road of every publication from this process to its channel grain. Concurrent publishes to one channel travel together: one grain call in
/// flight per channel, at most 256 items each; the first goes at once, so that an idle channel pays nothing.
/// </summary>
public sealed class ChannelPublisher
{
    /// <summary>Publishes one draft. Cancelling stops the waiting, never a call that is under way.</summary>
    public ValueTask<PublishResult> Publish(string channel, PublicationDraft draft, CancellationToken cancellationToken = default) =>
        throw new NotImplementedException();
}
