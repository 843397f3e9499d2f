using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// Connections that get the channel by a pattern. However many of its subscriptions cover the channel, a connection gets each publication once: its own
// subscription delivers, else one for all of its patterns.
internal sealed partial class LocalChannel
{
    private Dictionary<Connection, Patterned>? _patterned;
    private long _usedAt;

    private sealed class Patterned
    {
        public List<PatternSubscription> By { get; } = [];

        // Null while the connection's own subscription delivers.
        public Subscription? Delivering { get; set; }
    }

    /// <summary>A pattern that matches: its connection gets what comes from here on.</summary>
    public void Include(PatternSubscription by)
    {
        if (by.Connection.IsClosing)
            return; // what it has is not to be known any more
        var patterned = PatternedOf(by.Connection);
        patterned.By.Add(by);
        Deliver(patterned);
    }

    /// <summary>The pattern no longer counts.</summary>
    public void Exclude(PatternSubscription by)
    {
        if (_joiners.Waiting.Find(s => s.By == by) is { } recovering)
            Remove(recovering);
        if (_patterned is null || !_patterned.TryGetValue(by.Connection, out var patterned) || !patterned.By.Remove(by))
            return;
        Deliver(); // what is collected belongs to those who were here before
        if (patterned.By.Count > 0)
        {
            patterned.Delivering?.By = patterned.By[0];
            Deliver(patterned);
            return;
        }
        _patterned.Remove(by.Connection);
        if (patterned.Delivering is { } delivering)
            Remove(delivering);
        else if (by.Connection.Own(name) is { } own)
            FilterAnew(own);
    }

    // The connection's own subscription delivers from this very offset on.
    private void TakeOverPatterned(Connection connection)
    {
        if (_patterned?.GetValueOrDefault(connection) is not { Delivering: { } delivering } patterned)
            return;
        Remove(delivering);
        patterned.Delivering = null;
    }

    // The connection's own subscription has gone.
    private void GiveBackPatterned(Connection connection)
    {
        if (_patterned?.GetValueOrDefault(connection) is { Delivering: null } patterned && !connection.IsClosing)
            Deliver(patterned);
    }

    /// <summary>A recovery of one of a pattern's channels: false when the connection gets the channel already, and there is nothing to join.</summary>
    private bool Include(Subscription recovering)
    {
        var by = recovering.By!;
        by.Recovered(name);
        if (by.Connection.IsClosing)
        {
            recovering.State = SubscriptionState.Ended;
            return false;
        }
        var patterned = PatternedOf(by.Connection);
        if (ReferenceEquals(patterned.Delivering, recovering))
            return true; // once more, in another epoch
        patterned.By.Add(by);
        var own = by.Connection.Own(name);
        if ((own ?? patterned.Delivering) is { } delivering)
        {
            recovering.State = SubscriptionState.Ended;
            // Another pattern brought the channel meanwhile, from where it is now; or its own subscription brought less. (That was answered by itself.)
            if (FilterAnew(delivering) || own is null)
                recovering.Send(by.Connection.Format.Position(name, _cursor.Position, recovered: false));
            return false;
        }
        patterned.Delivering = recovering;
        return true;
    }

    // It goes on from where the channel is once it can be reached.
    private void GiveUpRecovery(Subscription recovering)
    {
        var by = recovering.By!;
        by.Recovered(name);
        var patterned = PatternedOf(by.Connection);
        if (ReferenceEquals(patterned.Delivering, recovering))
            patterned.Delivering = null;
        if (!patterned.By.Contains(by))
            patterned.By.Add(by);
        Deliver(patterned);
    }

    // A channel that came to be known here by what a grain streamed unasked is due from the first of it; from where the grain stood when it began that, if less arrived.
    private ChannelPosition PlaceFor(AttachReply reply)
    {
        if (_patterned is null)
            return reply.Position;
        var place = reply.InvitedAt is { } invited && invited.Epoch == reply.Position.Epoch ? invited : reply.Position;
        return _cursor.FirstHeld is { } first && _cursor.Epoch == place.Epoch && first <= place.Offset ? place with { Offset = first - 1 } : place;
    }

    // A channel that nobody asked for by its name may be forgotten when nothing comes: its grain then streams the next publication unasked again.
    private bool IsIdlePattern(TimeSpan after) =>
        _patterned is not null && ReferenceEquals(_joiners, Joiners.None) && AllLive.All(s => s.By is not null) && world.Time.GetElapsedTime(_usedAt) >= after;

    // Whichever subscription of the connection delivers gets from here on what all of them want.
    private void Deliver(Patterned patterned)
    {
        Deliver();
        var by = patterned.By[0];
        if ((patterned.Delivering ?? by.Connection.Own(name)) is { } delivering)
        {
            FilterAnew(delivering);
            return;
        }
        delivering = patterned.Delivering = new Subscription(by.Connection, name, null) { By = by, Told = _cursor.Offset };
        delivering.Filter = FilterFor(delivering);
        AddLive(delivering);
    }

    private Patterned PatternedOf(Connection connection)
    {
        _patterned ??= [];
        if (!_patterned.TryGetValue(connection, out var patterned))
            _patterned[connection] = patterned = new Patterned();
        return patterned;
    }
}
