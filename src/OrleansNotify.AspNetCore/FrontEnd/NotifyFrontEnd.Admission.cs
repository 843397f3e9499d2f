using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// Who connections are. Until that is known a connection gets nothing; what its tokens grant, it has for as long as they say.
internal sealed partial class NotifyFrontEnd
{
    /// <inheritdoc />
    public async ValueTask<SessionRefusal?> Check(SessionStart start, IReadOnlyList<SubscribeCommand> subscriptions, CancellationToken cancellationToken)
    {
        var identity = Identity.WithoutToken(start.User);
        if (_tokens.IsOn)
        {
            if (start.Token is not { } token)
                return new SessionRefusal(NotifyError.Unauthorized, "Connect with a token: as \"Authorization: Bearer <token>\", or ?access_token=<token>.");
            var result = await _tokens.VerifyConnection(token, cancellationToken);
            if (!result.IsGood)
                return new SessionRefusal(result.Refusal.Code, result.Refusal.Sentence);
            identity = Identity.Of(result.Token, _tokens.ClockSkew);
        }
        foreach (var subscription in subscriptions)
        {
            if (await Check(subscription, identity, cancellationToken) is { } refusal)
                return refusal;
        }
        return await IsOneTooMany(identity) ? new SessionRefusal(NotifyError.LimitExceeded, $"This user has {_limits.ConnectionsPerUser} connections already; close one of them first.") : null;
    }

    private async ValueTask<SessionRefusal?> Check(SubscribeCommand subscription, Identity identity, CancellationToken cancellationToken)
    {
        var channel = subscription.Channel;
        if (subscription.Token is { } token)
        {
            if (!_tokens.IsOn)
                return new SessionRefusal(NotifyError.NotAvailable, Session.NoTokens, channel, IsToken: true);
            var result = await _tokens.VerifySubscription(token, identity.User, channel, cancellationToken);
            if (!result.IsGood)
                return new SessionRefusal(result.Refusal.Code, result.Refusal.Sentence, channel, IsToken: true);
        }
        return _sessions.Access.Check(channel, identity, hasToken: subscription.Token is not null) is { } refusal ? new SessionRefusal(refusal.Code, refusal.Message, channel) : null;
    }

    /// <summary>Lets a connection in: it is on its channels when the task completes, or soon after.</summary>
    public async Task Admit(Connection connection, Identity identity, CancellationToken cancellationToken)
    {
        connection.Identity = identity;
        var joining = new List<Task>();
        if (identity.User is not null)
            joining.Add(Attach(new Subscription(connection, ChannelName.OfUser(identity.User), null)));
        joining.AddRange(AttachGiven(connection, identity));
        if (connection.IsClosing)
            Release(connection); // it ended while its token was verified, and took leave of nothing
        else
            await Joined(joining, cancellationToken);
    }

    /// <summary>Goes by a newer token: what it no longer allows ends, what it gives has begun when the task completes, or begins soon after.</summary>
    public Task Renew(Connection connection, Identity identity)
    {
        connection.Identity = identity;
        connection.CheckRevocations();
        foreach (var subscription in connection.RemoveWhere(s => _sessions.Access.Check(s, identity) is not null))
            Drop(subscription, NotifyError.PermissionDenied);
        return Joined(AttachGiven(connection, identity), CancellationToken.None);
    }

    // The client's next command is answered behind this.
    private Task Joined(List<Task> joining, CancellationToken cancellationToken) =>
        joining.Count == 0 ? Task.CompletedTask : Task.WhenAny(Task.WhenAll(joining), Task.Delay(BeginPatience, _time, cancellationToken));

    // Verifies what the client brought along.
    private async Task Admit(Connection connection, string token, CancellationToken cancellationToken)
    {
        var result = await _tokens.VerifyConnection(token, cancellationToken);
        if (result.IsGood)
            await Admit(connection, Identity.Of(result.Token, _tokens.ClockSkew), cancellationToken);
        else
            connection.Close(CodeOf(result.Refusal), result.Refusal.Sentence);
    }

    private static DisconnectCode CodeOf(TokenRefusal refusal) => refusal.Reason switch
    {
        TokenRefusalReason.Expired => DisconnectCode.Expired, // come back, with a new one
        TokenRefusalReason.KeysUnavailable => DisconnectCode.InsufficientState, // come back with the same
        _ => DisconnectCode.InvalidToken,
    };

    private List<Task> AttachGiven(Connection connection, Identity identity)
    {
        var joining = new List<Task>();
        foreach (var channel in identity.Channels)
        {
            if (_sessions.Access.Check(channel, identity, hasToken: false) is { } refusal)
            {
                connection.Close(DisconnectCode.InvalidToken, $"The token attaches {channel}: {refusal.Message}");
                break;
            }
            // These a connection has anyway.
            if (ChannelName.ReachesEveryone(channel) || (identity.User is not null && channel == ChannelName.OfUser(identity.User)))
                continue;
            var given = new Subscription(connection, channel, null);
            if (connection.TryAdd(given, int.MaxValue) is not null)
                continue; // it has asked for it by itself
            joining.Add(Attach(given));
        }
        return joining;
    }

    private Task Attach(Subscription subscription)
    {
        subscription.Joined = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(subscription.Channel, subscription);
        return subscription.Joined.Task;
    }

    private void Drop(Subscription subscription, NotifyError code)
    {
        Leave(subscription, null);
        subscription.Connection.Send(subscription.Connection.Format.Dropped(subscription.Channel, code));
    }

    // Says when to look again.
    private DateTimeOffset CheckTokens(Connection connection, DateTimeOffset now)
    {
        if (connection.Identity is not { } identity)
        {
            if (now - connection.Since > _limits.HandshakeTimeout)
                connection.Close(DisconnectCode.Stale, "No token came in time: connect with one, or send auth.");
            return connection.Since + _limits.HandshakeTimeout;
        }
        if (IsRevoked(connection, identity))
            connection.Close(DisconnectCode.InvalidToken, RevokedTokens.Sentence);
        else if (now >= identity.Expires)
            connection.Close(DisconnectCode.Expired, "The token has expired; connect with a new one.");
        else if (now.UtcTicks >= connection.NextExpiry)
        {
            foreach (var subscription in connection.RemoveExpired(now))
                Drop(subscription, NotifyError.TokenExpired);
        }
        return new DateTimeOffset(Math.Min(identity.Expires.UtcTicks, connection.NextExpiry), TimeSpan.Zero);
    }

    private bool IsRevoked(Connection connection, Identity identity)
    {
        if (identity.Token is not { } token || _revoked.Version is var version && connection.RevocationsChecked == version)
            return false;
        connection.RevocationsChecked = version;
        foreach (var subscription in connection.RemoveWhere(s => s.Token is { } own && _revoked.Cover(own.Id, own.User, own.Issued)))
            Drop(subscription, NotifyError.PermissionDenied);
        return _revoked.Cover(token.Id, token.User, token.Issued);
    }
}
