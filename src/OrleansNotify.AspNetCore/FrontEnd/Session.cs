using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>What a client's commands do.</summary>
internal sealed class Session(NotifyFrontEnd frontEnd, Connection connection, Session.Surroundings world) : INotifySession
{
    // A client that sends this many bad messages in a row is not going to send a good one (PROTOCOL: persistent abuse closes).
    private const int MaxProblemsInARow = 100;

    /// <summary>Why a token is refused where none are taken.</summary>
    public const string NoTokens = "This server takes no tokens (Notify:Tokens is not configured).";

    private readonly CommandRates.OfConnection _rates = world.Rates.New();
    private int _problemsInARow;

    /// <summary>What all sessions share.</summary>
    internal sealed record Surroundings(
        ChannelAccess Access, ChannelNamespaces Namespaces, ChannelCalls Calls, ChannelPublisher Publisher, TokenVerifier Tokens, CommandRates Rates, int MaxSubscriptions, int HistoryPageSize);

    private IFrameFormat Format => connection.Format;

    /// <inheritdoc />
    public ValueTask Handle(ClientCommand command)
    {
        _problemsInARow = 0;
        if (_rates.Refuse(command) is { } tooMany)
        {
            RefuseFast(command.Id, tooMany, ChannelOf(command));
            return ValueTask.CompletedTask;
        }
        switch (command)
        {
            case PingCommand ping:
                connection.Send(Format.Pong(ping.Id.Span));
                return ValueTask.CompletedTask;
            case AuthCommand auth:
                return Authenticate(auth);
        }
        if (connection.Identity is not { } identity)
        {
            Fail(command.Id, NotifyError.Unauthorized, "Say first who you are: send {\"type\":\"auth\",\"token\":…}, or connect with a token.", ChannelOf(command));
            return ValueTask.CompletedTask;
        }
        switch (command)
        {
            case SubscribeCommand { Pattern: { } pattern } subscribe:
                Subscribe(subscribe, pattern, identity);
                return ValueTask.CompletedTask;
            case SubscribeCommand { Token: { } token } subscribe:
                return Subscribe(subscribe, token, identity);
            case SubscribeCommand subscribe:
                Subscribe(subscribe, identity, null);
                return ValueTask.CompletedTask;
            case UnsubscribeCommand unsubscribe:
                Unsubscribe(unsubscribe);
                return ValueTask.CompletedTask;
            case PublishCommand publish:
                return Publish(publish, identity);
            case HistoryCommand history:
                return History(history, identity);
            case PresenceCommand presence:
                return Presence(presence.Id, presence.Channel, identity, withMembers: true);
            case PresenceStatsCommand stats:
                return Presence(stats.Id, stats.Channel, identity, withMembers: false);
            case RefreshCommand refresh:
                return Refresh(refresh, identity);
            default:
                Fail(command.Id, NotifyError.UnknownType, "This command is not known here.");
                return ValueTask.CompletedTask;
        }
    }

    /// <inheritdoc />
    public void Refuse(CommandProblem problem)
    {
        if (_rates.Refuse(null) is { } tooMany)
            RefuseFast(problem.Id, tooMany, null);
        else
            Fail(problem.Id, problem.Code, problem.Message);
        if (++_problemsInARow == MaxProblemsInARow)
            Close(DisconnectCode.BadRequest, $"{MaxProblemsInARow} bad messages in a row.");
    }

    /// <inheritdoc />
    public void Heard() => frontEnd.Heard(connection);

    /// <inheritdoc />
    public void Send(Frame frame) => connection.Send(frame);

    /// <inheritdoc />
    public void Close(DisconnectCode code, string reason) => connection.Close(code, reason);

    /// <inheritdoc />
    public Task End(Frame? farewell) => frontEnd.End(connection, farewell);

    private async ValueTask Authenticate(AuthCommand command)
    {
        if (!world.Tokens.IsOn)
        {
            Fail(command.Id, NotifyError.NotAvailable, NoTokens);
            return;
        }
        if (connection.Identity is not null)
        {
            Fail(command.Id, NotifyError.BadRequest, "This connection has said who it is; to go by a newer token send refresh.");
            return;
        }
        var result = await world.Tokens.VerifyConnection(command.Token, CancellationToken.None);
        if (!result.IsGood)
        {
            Fail(command.Id, result.Refusal.Code, result.Refusal.Sentence);
            return;
        }
        // Before anything that comes of it.
        connection.Send(Format.Authenticated(command.Id.Span, result.Token.User, result.Token.Expires));
        await frontEnd.Admit(connection, Identity.Of(result.Token, world.Tokens.ClockSkew), CancellationToken.None);
    }

    private async ValueTask Refresh(RefreshCommand command, Identity identity)
    {
        if (!world.Tokens.IsOn)
        {
            Fail(command.Id, NotifyError.NotAvailable, NoTokens);
            return;
        }
        var result = await world.Tokens.VerifyConnection(command.Token, CancellationToken.None);
        if (!result.IsGood)
        {
            Fail(command.Id, result.Refusal.Code, result.Refusal.Sentence);
            return;
        }
        if (result.Token.User != identity.User)
        {
            Fail(command.Id, NotifyError.Unauthorized, "The token is another user's (\"sub\"); to become another user, connect anew.");
            return;
        }
        connection.Send(Format.Refreshed(command.Id.Span, result.Token.Expires));
        await frontEnd.Renew(connection, Identity.Of(result.Token, world.Tokens.ClockSkew));
    }

    private async ValueTask Subscribe(SubscribeCommand command, string token, Identity identity)
    {
        if (!world.Tokens.IsOn)
        {
            Fail(command.Id, NotifyError.NotAvailable, NoTokens, command.Channel);
            return;
        }
        var result = await world.Tokens.VerifySubscription(token, identity.User, command.Channel, CancellationToken.None);
        if (result.IsGood)
            Subscribe(command, identity, result.Token);
        else
            Fail(command.Id, result.Refusal.Code, result.Refusal.Sentence, command.Channel);
    }

    private void Subscribe(SubscribeCommand command, Identity identity, SubscriptionToken? token)
    {
        if (world.Access.Check(command.Channel, identity, token is not null) is { } refusal)
        {
            Fail(command.Id, refusal.Code, refusal.Message, command.Channel);
            return;
        }
        if (command.Presence && !world.Namespaces.TellsJoinLeave(command.Channel))
        {
            Fail(command.Id, NotifyError.NotAvailable, ChannelNamespaces.NoJoinLeave, command.Channel);
            return;
        }
        var subscription = new Subscription(connection, command.Channel, command) { Grant = token is null ? null : new(token, token.Expires + world.Tokens.ClockSkew) };
        if (TryAdd(subscription, command))
            frontEnd.Join(subscription);
    }

    private void Subscribe(SubscribeCommand command, ChannelPattern pattern, Identity identity)
    {
        if (command.Token is not null)
        {
            Fail(command.Id, NotifyError.BadRequest, "A subscription token is for one channel; a pattern is granted by the connection token (\"subs\").");
            return;
        }
        if (world.Access.Check(pattern, identity) is { } refusal)
        {
            Fail(command.Id, refusal.Code, refusal.Message, command.Channel);
            return;
        }
        var subscription = new Subscription(connection, command.Channel, command);
        frontEnd.Prepare(subscription, pattern);
        if (TryAdd(subscription, command))
            frontEnd.Join(subscription);
    }

    private bool TryAdd(Subscription subscription, SubscribeCommand command)
    {
        switch (connection.TryAdd(subscription, world.MaxSubscriptions))
        {
            case NotifyError.AlreadySubscribed:
                Fail(command.Id, NotifyError.AlreadySubscribed, "Already subscribed to this channel; unsubscribe first to change options.", command.Channel);
                return false;
            case NotifyError.LimitExceeded:
                Fail(command.Id, NotifyError.LimitExceeded, $"At most {world.MaxSubscriptions} subscriptions per connection; unsubscribe from one, or open another connection.", command.Channel);
                return false;
            case not null:
                return false; // it ends
            default:
                return true;
        }
    }

    private void Unsubscribe(UnsubscribeCommand command)
    {
        if (connection.Remove(command.Channel) is not { } subscription)
        {
            Fail(command.Id, NotifyError.NotAvailable, "Not subscribed to this channel.", command.Channel);
            return;
        }
        frontEnd.Leave(subscription, command);
    }

    private async ValueTask Publish(PublishCommand command, Identity identity)
    {
        if (world.Namespaces.Find(command.Channel) is not { } options)
        {
            Fail(command.Id, NotifyError.UnknownChannel, $"Unknown namespace '{ChannelName.NamespaceOf(command.Channel)}'.", command.Channel);
            return;
        }
        if (!options.ClientPublish)
        {
            Fail(command.Id, NotifyError.PermissionDenied, "Clients may not publish here: allow it by the namespace's option ClientPublish, or publish over HTTP.", command.Channel);
            return;
        }
        if (world.Access.Check(command.Channel, identity, connection.IsSubscribed(command.Channel)) is { } refusal)
        {
            Fail(command.Id, refusal.Code, refusal.Message, command.Channel);
            return;
        }
        var draft = command.Draft;
        var own = PublicationDraft.FromChecked(
            draft.Data, draft.Shape, draft.Event, draft.Tags, identity.User, IdempotencyScope.OfUser(identity.User, draft.IdempotencyKey), command.Echo ? null : connection.Id);
        var result = await world.Publisher.Publish(command.Channel, own);
        switch (result.Refusal)
        {
            case PublishRefusal.None:
                connection.Send(Format.Published(command.Id.Span, result));
                break;
            case PublishRefusal.KeyReused:
                Fail(command.Id, NotifyError.BadRequest, "This idempotencyKey was used before with other content.", command.Channel);
                break;
            case PublishRefusal.TooMany:
                Fail(command.Id, NotifyError.TooManyRequests, PublishReply.DetailOf(result.Refusal, command.Channel), command.Channel);
                break;
            case PublishRefusal.NotAccepted:
                Fail(command.Id, NotifyError.Internal, "Not accepted; nothing was published, try again.", command.Channel);
                break;
            default:
                Fail(command.Id, NotifyError.Internal, "Unknown whether it was published; try again with the same idempotencyKey.", command.Channel);
                break;
        }
    }

    private async ValueTask History(HistoryCommand command, Identity identity)
    {
        if (world.Access.Check(command.Channel, identity, connection.IsSubscribed(command.Channel)) is { } refusal)
        {
            Fail(command.Id, refusal.Code, refusal.Message, command.Channel);
            return;
        }
        var limit = command.Limit ?? world.HistoryPageSize;
        var since = command.Since?.Offset ?? 0;
        var page = await world.Calls.Read(command.Channel, new HistoryRequest(since, ulong.MaxValue, limit, command.Reverse, ChannelEpoch.None));
        if (page is not { Superseded: false })
            Fail(command.Id, NotifyError.Internal, "The channel cannot be reached now; try again in a moment.", command.Channel);
        else if (command.Since is { } from && (from.Epoch != page.Position.Epoch || from.Offset > page.Position.Offset))
            Fail(command.Id, NotifyError.UnrecoverablePosition, "History does not know this position; ask without since.", command.Channel);
        else
            connection.Send(Format.History(command.Id.Span, command.Channel, page.Position, page.Publications));
    }

    private async ValueTask Presence(ReadOnlyMemory<byte> id, string channel, Identity identity, bool withMembers)
    {
        if (world.Access.Check(channel, identity, connection.IsSubscribed(channel)) is { } refusal)
            Fail(id, refusal.Code, refusal.Message, channel);
        else if (RefusePresence(id, channel))
            return;
        else if (await world.Calls.Presence(channel, withMembers) is not { } state)
            Fail(id, NotifyError.Internal, "The channel cannot be reached now; try again in a moment.", channel);
        else if (withMembers)
            connection.Send(Format.Presence(id.Span, channel, state.Members, state.Total));
        else
            connection.Send(Format.PresenceStats(id.Span, channel, state.Total, state.Users));
    }

    private bool RefusePresence(ReadOnlyMemory<byte> id, string channel)
    {
        if (world.Namespaces.HasPresence(channel))
            return false;
        Fail(id, NotifyError.NotAvailable, ChannelNamespaces.NoPresence, channel);
        return true;
    }

    private void RefuseFast(ReadOnlyMemory<byte> id, string tooMany, string? channel)
    {
        Fail(id, NotifyError.TooManyRequests, tooMany, channel);
        if (_rates.IsAbuse())
            Close(DisconnectCode.TooManyRequests, "Too many commands, although they were refused.");
    }

    private static string? ChannelOf(ClientCommand command) => command switch
    {
        SubscribeCommand subscribe => subscribe.Channel,
        UnsubscribeCommand unsubscribe => unsubscribe.Channel,
        PublishCommand publish => publish.Channel,
        HistoryCommand history => history.Channel,
        PresenceCommand presence => presence.Channel,
        PresenceStatsCommand stats => stats.Channel,
        _ => null,
    };

    private void Fail(ReadOnlyMemory<byte> id, NotifyError code, string message, string? channel = null)
    {
        frontEnd.Metrics.Error(code);
        connection.Send(Format.Error(id.Span, code, message, channel));
    }
}
