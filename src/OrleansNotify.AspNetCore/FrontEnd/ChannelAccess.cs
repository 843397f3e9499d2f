using OrleansNotify.AspNetCore.Security;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>Who may subscribe to, and read, what.</summary>
internal sealed class ChannelAccess(ChannelNamespaces namespaces)
{
    /// <summary>Checks a subscription once more.</summary>
    public (NotifyError Code, string Message)? Check(Subscription subscription, Identity identity) =>
        subscription.ByPattern is { } by ? Check(by.Pattern, identity) : Check(subscription.Channel, identity, subscription.Expires is not null || subscription.IsByApi);

    /// <summary>Checks a connection's wish to receive whatever a pattern matches.</summary>
    public (NotifyError Code, string Message)? Check(ChannelPattern pattern, Identity identity)
    {
        if (namespaces.Find(pattern.Text) is not { } options)
            return UnknownNamespace(pattern.Text);
        if (identity.Permissions.Cover(pattern))
            return null;
        if (pattern.IsBare)
            return (NotifyError.PermissionDenied, "A pattern that begins with a star needs a connection token that grants it (\"subs\").");
        if (!options.ClientSubscribe)
            return (NotifyError.PermissionDenied, "This pattern needs a connection token that grants it, or a wider one (\"subs\").");
        return null;
    }

    /// <summary>Checks a connection's wish to receive a channel.</summary>
    /// <param name="channel">A well-formed name.</param>
    /// <param name="identity">Who the connection is.</param>
    /// <param name="hasToken">Whether a subscription token allows it this channel.</param>
    /// <returns>Null, or why not.</returns>
    public (NotifyError Code, string Message)? Check(string channel, Identity identity, bool hasToken)
    {
        if (namespaces.Find(channel) is not { } options)
            return UnknownNamespace(channel);
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

    private static (NotifyError Code, string Message) UnknownNamespace(string channel) =>
        (NotifyError.UnknownChannel, $"Unknown namespace '{ChannelName.NamespaceOf(channel)}': configure it under Notify:Namespaces, or use a channel without ':'.");
}
