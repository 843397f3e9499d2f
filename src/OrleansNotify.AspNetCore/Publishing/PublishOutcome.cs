using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>What a failed call to a channel grain says about the publications it carried.</summary>
internal static class PublishOutcome
{
    // The runtime throws this one type for "known to be dead, never sent" (without words of its own) and for "died while the call was in
    // flight" (with a text about the message). Only the former is sure. It is a kind of rejection; the other kinds are sure.
    private static readonly string NeverSent = new SiloUnavailableException().Message;

    /// <summary><see cref="PublishRefusal.NotAccepted"/> only when no grain can have begun with the call; else <see cref="PublishRefusal.Unknown"/>.</summary>
    public static PublishRefusal Of(Exception exception) => exception switch
    {
        SiloUnavailableException unavailable => unavailable.Message == NeverSent ? PublishRefusal.NotAccepted : PublishRefusal.Unknown,
        OrleansMessageRejectionException or GatewayTooBusyException or LimitExceededException => PublishRefusal.NotAccepted,
        _ => PublishRefusal.Unknown,
    };
}
