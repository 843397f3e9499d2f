using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>A connection's interest in a channel. After it is handed over, only the channel's worker touches it.</summary>
/// <param name="connection">Whose.</param>
/// <param name="channel">In what: a name, or a pattern.</param>
/// <param name="command">The command that asked for it; null for one the server gives unasked (a user's own channel, one that its token gives).</param>
internal sealed class Subscription(Connection connection, string channel, SubscribeCommand? command)
{
    private readonly bool _hasOptions = command?.HasOptions ?? false;

    /// <summary>Whose.</summary>
    public Connection Connection => connection;

    /// <summary>In what.</summary>
    public string Channel => channel;

    /// <summary>The command to answer; null when given unasked, or once it is answered.</summary>
    public SubscribeCommand? Command { get; set; } = command;

    /// <summary>Given unasked: no reply, no count, and gone while the client has its own.</summary>
    public bool IsImplicit { get; } = command is null;

    /// <summary>Given through the API: no token has to allow it.</summary>
    public bool IsByApi { get; init; }

    /// <summary>Whether the client used options, and so understands position frames.</summary>
    public bool HasOptions => By?.Subscription.HasOptions ?? _hasOptions;

    /// <summary>Whether it is told who comes and goes.</summary>
    public bool Watches { get; } = command?.Presence ?? false;

    /// <summary>What its client asked for; null: everything.</summary>
    public TagFilter? Wants { get; } = command?.Tags is { } tags ? new TagFilter(tags) : null;

    /// <summary>What it gets of the channel, for all of its connection's subscriptions that cover it; null: everything.</summary>
    public TagFilter? Filter { get; set; }

    /// <summary>Set when it is one of a pattern's channels: the pattern's subscription. The connection knows only that.</summary>
    public PatternSubscription? By { get; set; }

    /// <summary>Set when it is a subscription to a pattern: what the lanes know of it.</summary>
    public PatternSubscription? ByPattern { get; set; }

    /// <summary>What allows it; null: it needs no token.</summary>
    public TokenGrant? Grant { get; init; }

    /// <summary>When the token that allows it expires, clock skew included; null: it needs none.</summary>
    public DateTimeOffset? Expires => Grant?.Until;

    /// <summary>That token; null: it needs none.</summary>
    public SubscriptionToken? Token => Grant?.Token;

    /// <summary>Where it stands.</summary>
    public SubscriptionState State { get; set; } = SubscriptionState.Joining;

    /// <summary>Its place in the channel's list of live subscriptions with this filter.</summary>
    public int Index { get; set; } = -1;

    /// <summary>Which of the channel's epochs the client has been told (the channel's count of epochs).</summary>
    public int EpochSeen { get; set; }

    /// <summary>The client has everything up to here already.</summary>
    public ulong Has { get; set; }

    /// <summary>With a filter: the client knows how far the channel is up to here, by a position or an event that it had before its place among the live ones.</summary>
    public ulong Told { get; set; }

    /// <summary>Set while it reads history and catches up.</summary>
    public CatchUp? CatchUp { get; set; }

    /// <summary>Set when it is to go, but not before it has joined.</summary>
    public LeaveWork? Leaving { get; set; }

    /// <summary>Completes when it has joined or failed; set only where somebody waits.</summary>
    public TaskCompletionSource? Joined { get; set; }

    /// <summary>Sends a frame.</summary>
    public void Send(Frame frame)
    {
        if (By is null)
            connection.Send(frame);
        else
            By.Send(frame);
    }
}

/// <summary>A token that allows a subscription.</summary>
/// <param name="Token">The token.</param>
/// <param name="Until">When it expires, clock skew included.</param>
internal sealed record TokenGrant(SubscriptionToken Token, DateTimeOffset Until);

/// <summary>What a subscription has while it is on its way from its place to the present.</summary>
/// <param name="joinedAt">The cursor's offset when its place was fixed.</param>
/// <param name="since">Timestamp of the first reading.</param>
internal sealed class CatchUp(ulong joinedAt, long since)
{
    /// <summary>The cursor's offset when its place was fixed.</summary>
    public ulong JoinedAt => joinedAt;

    /// <summary>Timestamp of the first reading.</summary>
    public long Since => since;

    /// <summary>The reading of history under way.</summary>
    public HistoryAsked? Request { get; set; }

    /// <summary>Live frames that wait behind history or recovery.</summary>
    public Queue<Frame> Held { get; } = new();

    /// <summary>Bytes in <see cref="Held"/>.</summary>
    public long HeldBytes { get; set; }

    /// <summary>Lets go of the frames that waited.</summary>
    public void DropHeld()
    {
        Held.Clear();
        HeldBytes = 0;
    }
}

/// <summary>The life of a subscription.</summary>
internal enum SubscriptionState
{
    /// <summary>Waiting for the channel to be attached.</summary>
    Joining,

    /// <summary>Its place is fixed; history or recovery is being read.</summary>
    Reading,

    /// <summary>It is answered; what was read goes out before what comes.</summary>
    CatchingUp,

    /// <summary>Gets publications as they come.</summary>
    Live,

    /// <summary>Over.</summary>
    Ended,
}
