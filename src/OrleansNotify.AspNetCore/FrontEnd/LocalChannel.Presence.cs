using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd.Presence;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// Who is on the channel: what of it is told to its grain, and what the grain tells to those who watch. One call at a time; what changes meanwhile goes with
// the next, so that a thousand who come at once are a few calls. Who has the channel by a pattern only is no member: it looks on from outside.
internal sealed partial class LocalChannel
{
    // A user's own channel has members whatever its namespace says: they are what is known of the user (Grains/Users).
    private readonly LocalMembers? _members = world.Namespaces.HasPresence(name) || world.Namespaces.TellsJoinLeave(name) || ChannelName.IsUserChannel(name, out _) ? new() : null;
    private readonly int _limit = ChannelName.IsUserChannel(name, out _) ? world.ConnectionsPerUser : 0;
    private Watch? _watch; // null: nobody watches
    private bool _announcing;
    private bool _watchesTold;
    private int _announceFailures;

    /// <summary>Takes a change.</summary>
    public void Accept(PresenceChange change)
    {
        if (_watch is not { } watch)
            return;
        watch.View.Accept(change, watch.News);
        TellWatchers(watch);
        Announce();
    }

    /// <summary>Takes the version that a beat told.</summary>
    public void Accept(PresenceVersion told)
    {
        _watch?.View.Accept(told.Value);
        Announce();
    }

    /// <summary>Takes the grain's answer to an announcement.</summary>
    public void Accept(AnnounceAnswer answer)
    {
        _announcing = false;
        switch (answer.Reply)
        {
            case { Verdict: PresenceVerdict.Taken }:
                _announceFailures = 0;
                _members!.Taken(answer.Announcement, answer.Reply.Refused ?? []);
                CloseRefused(answer.Reply.Refused ?? []);
                _watchesTold = answer.Announcement.Watches;
                // Not of an activation that the channel was attached to before.
                if (answer.Reply.State is { } state && answer.Attached == _number && _watch is { } watch)
                    Place(watch, state);
                break;
            case { Verdict: PresenceVerdict.NotAttached }:
                Attach(); // its answer has all announced
                return;
            case null:
                _announceFailures++;
                _members!.BeginAnew();
                FailImpatient();
                break;
            default:
                _members!.BeginAnew();
                break;
        }
        Announce();
    }

    /// <summary>A new activation has settled by now.</summary>
    public void AskPresence()
    {
        _watch?.View.Ask();
        Announce();
    }

    private void Place(Watch watch, PresenceState state)
    {
        watch.View.Place(state, watch.News);
        TellWatchers(watch);
        JoinWaiting();
        if (state.SettlesIn > TimeSpan.Zero)
            _ = AskLater(state.SettlesIn);

        async Task AskLater(TimeSpan delay)
        {
            await Task.Delay(delay, world.Time);
            world.Post(name, new AskPresence());
        }
    }

    // False: it waits for the state that what it is told of goes on from, so that nobody is missed between its subscribing and its asking who is there.
    private bool CanWatch(Subscription subscription)
    {
        if (!subscription.Watches || _members is null)
            return true;
        _watch ??= new(world.Namespaces.PresenceListOf(name));
        _watch.By.Add(subscription);
        if (_watch.View.IsPlaced)
            return true;
        Announce();
        return false;
    }

    private void Enter(Subscription subscription)
    {
        if (_members is null)
            return;
        _members.Enter(subscription);
        Announce();
    }

    private void Exit(Subscription subscription)
    {
        if (_members is null)
            return;
        if (_watch is { } watch && watch.By.Remove(subscription) && watch.By.Count == 0)
            _watch = null;
        _members.Exit(subscription);
        Announce();
    }

    private void AnnounceAnew()
    {
        _members?.BeginAnew();
        _watch?.View.Ask();
        Announce();
    }

    private void Announce()
    {
        if (_members is null || _announcing || _attaching || !_cursor.IsPlaced)
            return;
        var watches = _watch is not null;
        var asks = _watch is { View.NeedsState: true };
        if (!_members.IsBehind && !asks && watches == _watchesTold)
            return;
        _announcing = true;
        _ = Call(_number, _members.Next(world.Calls.FrontEnd, world.Calls.NextNumber(), watches, asks, _limit), Backoff(_announceFailures));

        async Task Call(long attached, PresenceAnnouncement announcement, TimeSpan delay)
        {
            if (delay > TimeSpan.Zero)
                await Task.Delay(delay, world.Time);
            var reply = await world.Calls.Announce(name, announcement);
            world.Post(name, new AnnounceAnswer(attached, announcement, reply));
        }
    }

    private void CloseRefused(string[] refused)
    {
        foreach (var id in refused)
        {
            _members!.Find(id)?.Connection.Close(
                DisconnectCode.ConnectionLimit, $"This user has {_limit} connections already (Notify:Limits:ConnectionsPerUser); close one of them first.");
        }
    }

    private void TellWatchers(Watch watch)
    {
        if (watch.News.Count == 0)
            return;
        Deliver(); // publications that came before it
        foreach (var (joined, member) in watch.News)
        {
            // Formats are few, and one for nearly all.
            (IFrameFormat Format, Frame Frame)? encoded = null;
            foreach (var watcher in watch.By)
            {
                if (watcher.State == SubscriptionState.Joining || watcher.Connection.Id == member.Connection)
                    continue;
                var format = watcher.Connection.Format;
                if (encoded is not { } shared || !ReferenceEquals(shared.Format, format))
                    encoded = shared = (format, format.PresenceChange(name, joined, member));
                if (watcher.State == SubscriptionState.Live)
                    watcher.Send(shared.Frame);
                else
                    Hold(watcher, shared.Frame);
            }
        }
        watch.News.Clear();
    }

    // Those who watch, what they have been told, and what they are about to be.
    private sealed class Watch(int maxListed)
    {
        public HashSet<Subscription> By { get; } = [];
        public PresenceView View { get; } = new(maxListed);
        public List<PresenceNews> News { get; } = [];
    }
}

/// <summary>A version that a beat told.</summary>
internal sealed record PresenceVersion(long Value);

/// <summary>What became of an announcement that was made under the number of an attach; the reply is null when the call failed.</summary>
internal sealed record AnnounceAnswer(long Attached, PresenceAnnouncement Announcement, PresenceReply? Reply);

/// <summary>Look again who is on the channel.</summary>
internal sealed record AskPresence;
