using OrleansNotify.AspNetCore.Security;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// What others decide about a user's connections. How many he may have, his own channel decides (LocalChannel.Presence, Grains/Users).
internal sealed partial class NotifyFrontEnd
{
    /// <inheritdoc />
    public int Subscribe(string user, string channel)
    {
        var subscribed = 0;
        foreach (var connection in ConnectionsOf(user))
        {
            var given = new Subscription(connection, channel, null) { IsByApi = true };
            if (connection.TryAdd(given, int.MaxValue) is not null)
                continue; // it is on it already
            _ = Attach(given);
            subscribed++;
        }
        return subscribed;
    }

    /// <inheritdoc />
    public int Unsubscribe(string user, string channel)
    {
        var unsubscribed = 0;
        foreach (var connection in ConnectionsOf(user))
        {
            if (connection.Remove(channel) is not { } subscription)
                continue;
            Drop(subscription, NotifyError.PermissionDenied);
            unsubscribed++;
        }
        return unsubscribed;
    }

    private IEnumerable<Connection> ConnectionsOf(string user) => _connections.Where(connection => connection.User == user && !connection.IsClosing);

    // Asked where a client can be told before it is let in. Should many come at once, the channel decides.
    private async ValueTask<bool> IsOneTooMany(Identity identity) =>
        identity.User is { } user
        && await _calls.Presence(ChannelName.OfUser(user), withMembers: false) is { } own
        && own.Total >= _limits.ConnectionsPerUser;
}
