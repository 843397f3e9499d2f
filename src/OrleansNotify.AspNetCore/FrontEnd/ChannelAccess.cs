using OrleansNotify.AspNetCore.Security;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>Who may subscribe to, and read, what.</summary>
internal sealed class ChannelAccess(ChannelNamespaces namespaces)
{
    /// <summary>Checks a connection's wish to receive a channel.</summary>
    /// <param name="channel">A well-formed name.</param>
    /// <param name="identity">Who the connection is.</param>
    /// <param name="hasToken">Whether a subscription token allows it this channel.</param>
    /// <returns>Null, or why not.</returns>
    public (NotifyError Code, string Message)? Check(string channel, Identity identity, bool hasToken)
    {
        if (namespaces.Find(channel) is not { } options)
            return (NotifyError.UnknownChannel, $"Unknown namespace '{ChannelName.NamespaceOf(channel)}': configure it under Notify:Namespaces, or use a channel without ':'.");
        // Whatever a token grants.
        var users = channel.IndexOf('#', StringComparison.Ordinal);
        if (users >= 0 && (identity.User is not { } user || !channel[(users + 1)..].Split(',').Contains(user)))
            return (NotifyError.PermissionDenied, "This channel is only for the users named behind '#'.");
        if (hasToken || identity.IsGranted(channel))
            return null;
        if (channel[0] == '$')
            return (NotifyError.PermissionDenied, "A private channel needs a subscription token: send it with subscribe as \"token\".");
        if (!options.ClientSubscribe && !ChannelName.IsUnlisted(channel))
            return (NotifyError.PermissionDenied, "This channel needs a token that grants it: a subscription token, or a connection token that names it.");
        return null;
    }
}
