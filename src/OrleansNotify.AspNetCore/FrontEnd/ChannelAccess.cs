using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>Who may subscribe to, and read, what.</summary>
internal sealed class ChannelAccess(ChannelNamespaces namespaces)
{
    /// <summary>Checks a connection's wish to receive a channel.</summary>
    /// <param name="channel">A well-formed name.</param>
    /// <param name="user">The connection's user, or null.</param>
    /// <returns>Null, or why not.</returns>
    public (NotifyError Code, string Message)? Check(string channel, string? user)
    {
        if (namespaces.Find(channel) is null)
            return (NotifyError.UnknownChannel, $"Unknown namespace '{ChannelName.NamespaceOf(channel)}': configure it under Notify:Namespaces, or use a channel without ':'.");
        if (channel[0] == '$')
            return (NotifyError.PermissionDenied, "A private channel needs a subscription token; tokens are not available yet.");
        var users = channel.IndexOf('#', StringComparison.Ordinal);
        if (users >= 0 && (user is null || !channel[(users + 1)..].Split(',').Contains(user)))
            return (NotifyError.PermissionDenied, "This channel is only for the users named behind '#'.");
        return null;
    }
}
