using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// How a subscription comes in and goes: its place is the cursor at one moment of the lane, so that history up to it and live publications behind it
// meet without gap or duplicate.
internal sealed partial class LocalChannel
{
    private Joiners _joiners = Joiners.None;

    // Who is not live. Most channels have such for a moment only, and nothing is kept for them in between.
    private sealed class Joiners
    {
        public static readonly Joiners None = new();

        // Who waits for the channel to be attached, or for who is on it.
        public List<Subscription> Waiting { get; } = [];
        public long WaitingSince { get; set; }
        public List<Subscription> CatchingUp { get; } = [];
    }

    /// <summary>Takes a subscription in.</summary>
    public void Join(Subscription subscription)
    {
        if (subscription.State == SubscriptionState.Ended)
            return;
        _idleSince = 0;
        // Behind another one of its connection that is on its way to the present, be that a pattern's or one that is about to leave: what the other one holds is
        // due before, and its replies are.
        var isBehind = subscription.By is null && _joiners.CatchingUp.Exists(other => ReferenceEquals(other.Connection, subscription.Connection));
        if (!_cursor.IsPlaced || !CanWatch(subscription) || isBehind)
        {
            Wait(subscription);
            if (!_cursor.IsPlaced)
                Attach();
            return;
        }
        Deliver(); // what is collected belongs to those who were here before
        if (subscription.IsImplicit)
        {
            if (_asked?.ContainsKey(subscription.Connection) != true)
            {
                TakeOverPatterned(subscription.Connection);
                AddLive(subscription);
                Enter(subscription);
            }
            subscription.Joined?.TrySetResult();
            return;
        }
        if (subscription.By is not null && !Include(subscription))
            return;
        if (subscription.By is null)
        {
            Enter(subscription); // before the other goes: nobody leaves by that
            TakeOver(subscription);
        }
        subscription.Filter = FilterFor(subscription);
        var command = subscription.Command!;
        switch (command)
        {
            case { Recover: { } from } when from.Epoch == _cursor.Epoch && from.Offset == _cursor.Offset:
                Answer(subscription, _cursor.Position, recovered: true);
                break;
            case { Recover: { Epoch: { } epoch } from } when _recoverable && epoch >= _cursor.Epoch:
                Read(subscription, epoch == _cursor.Epoch && from.Offset < _cursor.Offset
                    ? new HistoryRequest(from.Offset, _cursor.Offset, world.Limits.RecoverySize, false, _cursor.Epoch)
                    : new HistoryRequest(0, 0, 0, false, _cursor.Epoch)); // ahead of this front-end: ask the grain where the channel is
                break;
            case { Recover: not null }:
                Answer(subscription, _cursor.Position, recovered: false);
                break;
            case { History: > 0 } when _recoverable && _cursor.Offset > 0:
                // The last few that are wanted are among the last ones, or not to be had.
                Read(subscription, new HistoryRequest(0, _cursor.Offset, subscription.Filter is null ? command.History.Value : world.Limits.HistoryPageSize, true, _cursor.Epoch));
                break;
            default:
                Answer(subscription, _cursor.Position, recovered: null);
                break;
        }
    }

    /// <summary>The recovered part is out: what waited behind it follows, then the subscription is live.</summary>
    public void CaughtUp(Subscription subscription)
    {
        if (subscription.State == SubscriptionState.CatchingUp)
        {
            Deliver();
            GoLive(subscription);
        }
    }

    /// <summary>Lets a subscription go.</summary>
    /// <param name="subscription">Which.</param>
    /// <param name="command">What to answer; null when the connection has ended.</param>
    public void Leave(Subscription subscription, UnsubscribeCommand? command)
    {
        if (subscription.State == SubscriptionState.Ended)
            return;
        // Both replies in their order, once it has joined; and what it holds is a pattern's, too.
        var isCatchingUp = subscription.State is SubscriptionState.Reading or SubscriptionState.CatchingUp;
        if (command is not null ? subscription.State != SubscriptionState.Live : isCatchingUp && !subscription.Connection.IsClosing && _patterned?.ContainsKey(subscription.Connection) == true)
        {
            subscription.Leaving = new LeaveWork(subscription, command);
            return;
        }
        Deliver();
        // Back to what the user has without asking.
        var given = !subscription.IsImplicit && _asked is not null && !ReachesEveryone && !subscription.Connection.IsClosing ? new Subscription(subscription.Connection, name, null) : null;
        if (given is not null)
            Enter(given);
        Remove(subscription);
        if (command is not null)
            subscription.Connection.Send(subscription.Connection.Format.Unsubscribed(command.Id.Span, name));
        if (given is not null)
            AddLive(given);
    }

    /// <summary>A connection of the user whose channel this is has ended: what it had without asking goes.</summary>
    public void Depart(Connection connection)
    {
        if (Given(connection) is { } live)
            Remove(live);
        if (_joiners.Waiting.Find(s => s.IsImplicit && ReferenceEquals(s.Connection, connection)) is { } waiting)
            Remove(waiting);
    }

    /// <summary>What they waited for is there.</summary>
    public void JoinWaiting()
    {
        foreach (var subscription in TakeWaiting())
            Join(subscription);
    }

    // It waits once more; a pattern of its connection goes on delivering.
    private void JoinAgain(Subscription subscription)
    {
        Deliver();
        if (IsPatternsToo(subscription))
            SendHeld(subscription);
        _joiners.CatchingUp.Remove(subscription);
        subscription.State = SubscriptionState.Joining;
        subscription.CatchUp = null;
        subscription.Has = subscription.Told = 0;
        Wait(subscription, first: true); // others may wait for it
        if (subscription.By is null)
            GiveBackPatterned(subscription.Connection);
        Attach();
    }

    private void FailImpatient()
    {
        if (_joiners.Waiting.Count == 0 || world.Time.GetElapsedTime(_joiners.WaitingSince) < JoinPatience)
            return;
        foreach (var subscription in TakeWaiting())
        {
            if (subscription.IsImplicit)
            {
                subscription.Joined?.TrySetResult();
                Wait(subscription); // nobody would be told, and nobody would ask again
            }
            else
            {
                Fail(subscription);
            }
        }
    }

    private void Wait(Subscription subscription, bool first = false)
    {
        var joiners = BeginJoining();
        if (joiners.Waiting.TrueForAll(static other => other.IsImplicit)) // who asked is not made impatient by who never is
            joiners.WaitingSince = world.Time.GetTimestamp();
        joiners.Waiting.Insert(first ? 0 : joiners.Waiting.Count, subscription);
    }

    private Subscription[] TakeWaiting()
    {
        if (_joiners.Waiting.Count == 0)
            return [];
        Subscription[] waiting = [.. _joiners.Waiting];
        _joiners.Waiting.Clear();
        EndJoining();
        return waiting;
    }

    private Joiners BeginJoining() => ReferenceEquals(_joiners, Joiners.None) ? _joiners = new Joiners() : _joiners;

    // False: it was not catching up.
    private bool EndCatchingUp(Subscription subscription)
    {
        if (!_joiners.CatchingUp.Remove(subscription))
            return false;
        if (_joiners.Waiting.Count > 0)
            world.Post(name, new JoinWaitingWork());
        EndJoining();
        return true;
    }

    private void EndJoining()
    {
        if (_joiners.Waiting.Count == 0 && _joiners.CatchingUp.Count == 0)
            _joiners = Joiners.None;
    }

    private void Fail(Subscription subscription)
    {
        var connection = subscription.Connection;
        Deliver();
        if (IsPatternsToo(subscription))
            SendHeld(subscription);
        Remove(subscription);
        subscription.Joined?.TrySetResult();
        if (subscription.By is not null)
        {
            GiveUpRecovery(subscription);
            subscription.Send(connection.Format.Error(default, NotifyError.Internal, "The channel cannot be reached now, and was not recovered.", name));
        }
        else if (subscription.Command is { } command && (connection.Remove(subscription) || subscription.Leaving is not null))
        {
            world.Metrics.Error(NotifyError.Internal);
            connection.Send(connection.Format.Error(command.Id.Span, NotifyError.Internal, "The channel cannot be reached now; subscribe again in a moment.", name));
            if (subscription.Leaving?.Command is { } leaving)
                connection.Send(connection.Format.Unsubscribed(leaving.Id.Span, name));
        }
    }

    // What a subscription holds while a pattern of its connection covers the channel is due, whatever becomes of the subscription.
    private bool IsPatternsToo(Subscription subscription) => subscription.By is null && _patterned?.ContainsKey(subscription.Connection) == true;

    private void GoLive(Subscription subscription)
    {
        EndCatchingUp(subscription);
        subscription.Command = null;
        SendHeld(subscription);
        subscription.CatchUp = null;
        AddLive(subscription);
        subscription.Joined?.TrySetResult();
        if (subscription.Leaving is { } leaving)
            Leave(subscription, leaving.Command);
    }

    private static void SendHeld(Subscription subscription)
    {
        while (subscription.CatchUp?.Held.TryDequeue(out var frame) == true)
            subscription.Send(frame);
    }

    private void AddLive(Subscription subscription)
    {
        subscription.State = SubscriptionState.Live;
        LiveWith(subscription.Filter).Add(subscription);
        _liveCount++;
    }

    // The client's own subscription takes the place of the one it has without asking, at this very offset.
    private void TakeOver(Subscription subscription)
    {
        TakeOverPatterned(subscription.Connection);
        if (_asked is null)
            return;
        if (Given(subscription.Connection) is { } given)
            Remove(given);
        _asked[subscription.Connection] = subscription;
    }

    // What it has without asking.
    private Subscription? Given(Connection connection) => _live.All.FirstOrDefault(s => s.IsImplicit && ReferenceEquals(s.Connection, connection));

    private void Remove(Subscription subscription)
    {
        if (subscription.Index >= 0)
        {
            RemoveLive(subscription);
        }
        else if (!EndCatchingUp(subscription) && _joiners.Waiting.Remove(subscription))
        {
            EndJoining();
        }
        if (_asked is not null && _asked.TryGetValue(subscription.Connection, out var asked) && ReferenceEquals(asked, subscription))
            _asked.Remove(subscription.Connection);
        subscription.State = SubscriptionState.Ended;
        subscription.CatchUp = null;
        Exit(subscription);
        if (subscription.By is null)
            GiveBackPatterned(subscription.Connection);
    }

    private void Hold(Subscription subscription)
    {
        var connection = subscription.Connection;
        var batch = BatchFor(subscription.Filter);
        var frame = batch.FrameFor(connection.Format, subscription.State == SubscriptionState.CatchingUp && subscription.EpochSeen != EpochCount, subscription.Has, connection.Id);
        if (frame is null)
            return;
        subscription.EpochSeen = EpochCount;
        subscription.Told = batch.Publications[^1].Offset;
        Hold(subscription, frame);
    }

    private static void Hold(Subscription subscription, Frame frame)
    {
        var behind = subscription.CatchUp!;
        behind.HeldBytes += frame.Bytes.Length;
        if (behind.HeldBytes > MaxHeldBytes)
            subscription.Connection.Close(DisconnectCode.Slow, "The client reads too slowly: too much was waiting behind its history.");
        else
            behind.Held.Enqueue(frame);
    }

    private const long MaxHeldBytes = 1 << 20; // as an outbox: PROMISES, default limits
}
