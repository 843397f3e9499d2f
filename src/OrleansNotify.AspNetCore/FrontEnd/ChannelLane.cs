using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Grains.Patterns;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>The channels of one fan-out lane: a channel always runs on the same lane, so what happens to it needs no lock.</summary>
internal sealed partial class ChannelLane : ILaneHandler
{
    // Up to this many subscribers are served on the thread that brings the publication: a thread hop costs as much as about so many sends.
    private const int SmallReach = 16;

    // How long a channel nobody is subscribed to stays attached: a reconnecting client finds it so.
    // Six sweeps, which are 5 s apart, give or take: with 30 s they would often be a seventh, and a pattern's channel be let go of after more than 65 s.
    private static readonly TimeSpan IdleBeforeDetach = TimeSpan.FromSeconds(29);

    private readonly Dictionary<string, LocalChannel> _channels = new(StringComparer.Ordinal);
    private readonly List<LocalChannel> _toDeliver = [];
    private readonly PatternIndex<PatternSubscription> _patterns = new();
    private readonly List<PatternSubscription> _matching = [];
    private readonly LocalChannel.Surroundings _surroundings;
    private readonly ILogger _logger;
    private volatile bool _everyoneReady;

    public ChannelLane(Func<Action<LocalChannel>, LocalChannel.Surroundings> surroundings, ILogger logger)
    {
        _surroundings = surroundings(channel =>
        {
            if (!channel.IsDue)
                _toDeliver.Add(channel);
            channel.IsDue = true;
        });
        _logger = logger;
        Worker = new FanOutWorker(this);
    }

    /// <summary>The lane's inbox and thread.</summary>
    public FanOutWorker Worker { get; }

    /// <summary>Whether those of the channels that reach everyone which belong to this lane are attached.</summary>
    public bool EveryoneReady => _everyoneReady;

    /// <inheritdoc />
    public bool HasDelivery => _toDeliver.Count > 0;

    /// <inheritdoc />
    public bool DeliveryIsLarge
    {
        get
        {
            var reach = 0;
            foreach (var channel in _toDeliver)
                reach += channel.Reach;
            return reach > SmallReach;
        }
    }

    /// <inheritdoc />
    public void Deliver()
    {
        foreach (var channel in _toDeliver)
        {
            channel.IsDue = false;
            try
            {
                channel.Deliver();
            }
            catch (Exception exception)
            {
                LogFault(channel.Name, exception);
            }
        }
        _toDeliver.Clear();
    }

    /// <inheritdoc />
    public bool TryDeliver(object work)
    {
        if (work is not ChannelPublications publications || _channels.GetValueOrDefault(publications.Channel) is not { } channel || channel.Reach > SmallReach || !channel.IsNext(publications))
            return false;
        Accept(work);
        Deliver();
        return true;
    }

    /// <inheritdoc />
    public void Accept(object work)
    {
        var name = work switch { ChannelPublications publications => publications.Channel, Addressed addressed => addressed.Channel, _ => "" };
        try
        {
            if (work is ChannelPublications batch)
                (_channels.GetValueOrDefault(name) ?? CreateIfMatched(name))?.Accept(batch);
            else if (work is Addressed { Work: var item })
                Accept(name, item);
            else if (work is SweepWork)
                Sweep();
            else if (work is PassedWork)
                TellPassed();
            else if (work is AttachAgain again)
                AttachAgainInOrder(again.Channels.Select(n => _channels.GetValueOrDefault(n)).OfType<LocalChannel>());
            else if (work is AttachAgainOn on)
                AttachAgainInOrder(On(on.Host));
            else if (work is AttachedListing listing)
                listing.Add(On(listing.Host).Select(channel => channel.AttachedAs));
            else if (work is PatternJoin join)
                Accept(join);
            else if (work is PatternLeave leave)
                Accept(leave);
        }
        catch (Exception exception)
        {
            LogFault(name, exception);
        }
    }

    private void Accept(string name, object work)
    {
        var channel = _channels.GetValueOrDefault(name);
        switch (work)
        {
            case Subscription { By.HasLeft: true }:
                break;
            case Subscription joining:
                (channel ?? Create(name)).Join(joining);
                break;
            case LeaveWork { Command: null } leave when channel is null:
                leave.Subscription.State = SubscriptionState.Ended; // its connection ended while it was on its way here
                break;
            case LeaveWork leave:
                channel?.Leave(leave.Subscription, leave.Command);
                break;
            case JoinWaitingWork:
                channel?.JoinWaiting();
                break;
            case Connection departed:
                channel?.Depart(departed);
                break;
            case EveryoneWork:
                (channel ?? Create(name)).Attach();
                break;
            case ChannelPosition told:
                (channel ?? CreateIfMatched(name))?.Accept(told);
                break;
            case AttachAnswer answer:
                channel?.Accept(answer);
                if (channel is { IsReady: true } && ChannelName.ReachesEveryone(name))
                    _everyoneReady = _channels.Values.All(c => c.IsReady || !ChannelName.ReachesEveryone(c.Name));
                break;
            case RepairAnswer answer:
                channel?.Accept(answer);
                break;
            case HistoryAnswer answer:
                channel?.Accept(answer);
                break;
            case PresenceChange change:
                channel?.Accept(change);
                break;
            case PresenceVersion told:
                channel?.Accept(told);
                break;
            case AnnounceAnswer answer:
                channel?.Accept(answer);
                break;
            case AskPresence:
                channel?.AskPresence();
                break;
            case CatchUpDone done:
                channel?.CaughtUp(done.Subscription);
                break;
        }
    }

    private void Accept(PatternJoin join)
    {
        var joining = join.Subscription;
        _patterns.Add(joining.Pattern, joining);
        foreach (var (name, channel) in _channels)
        {
            if (joining.Pattern.Matches(name) && !joining.IsRecovering(name))
                channel.Include(joining);
        }
        if (joining.LaneJoined())
            join.FrontEnd.Joined(joining);
    }

    private void Accept(PatternLeave leave)
    {
        var leaving = leave.Subscription;
        _patterns.Remove(leaving.Pattern, leaving);
        foreach (var (name, channel) in _channels)
        {
            if (leaving.Pattern.Matches(name))
                channel.Exclude(leaving);
        }
        if (leaving.LaneLeft())
            leave.FrontEnd.Left(leaving, leave.Command);
    }

    private LocalChannel Create(string name)
    {
        var channel = _channels[name] = new LocalChannel(name, _surroundings);
        foreach (var pattern in Matching(name))
        {
            if (!pattern.IsRecovering(name))
                channel.Include(pattern);
        }
        return channel;
    }

    // A channel's grain streams here, or a beat tells of it, although nobody has asked for it by name: somebody has by a pattern.
    private LocalChannel? CreateIfMatched(string name)
    {
        if (Matching(name).Count == 0)
            return null;
        var channel = Create(name);
        channel.Attach();
        return channel;
    }

    private List<PatternSubscription> Matching(string name)
    {
        _matching.Clear();
        _patterns.Find(name, _matching);
        return _matching;
    }

    private void Sweep()
    {
        List<string> idle = [];
        foreach (var (name, channel) in _channels)
        {
            if (channel.DetachIfIdle(IdleBeforeDetach))
                idle.Add(name);
        }
        foreach (var name in idle)
            _channels.Remove(name);
    }

    private void TellPassed()
    {
        foreach (var channel in _channels.Values)
            channel.TellPassed();
    }

    private IEnumerable<LocalChannel> On(SiloAddress host) => _channels.Values.Where(channel => channel.IsOn(host));

    private static void AttachAgainInOrder(IEnumerable<LocalChannel> channels)
    {
        // Most subscribers first: the calls are limited, and those wait longest that hurt fewest.
        foreach (var channel in channels.OrderByDescending(c => c.Subscribers))
            channel.Attach();
    }

    [LoggerMessage(5010, LogLevel.Error, "Channel {Channel}: a fault in the front-end; its subscribers may have to reconnect.")]
    private partial void LogFault(string channel, Exception exception);
}

/// <summary>Work for one channel of a lane.</summary>
internal sealed record Addressed(string Channel, object Work);

/// <summary>A subscription goes.</summary>
internal sealed record LeaveWork(Subscription Subscription, UnsubscribeCommand? Command);

/// <summary>What subscriptions waited for that are not joined yet is there.</summary>
internal sealed record JoinWaitingWork;

/// <summary>A channel that reaches everyone is to be attached.</summary>
internal sealed record EveryoneWork;

/// <summary>A subscription to a pattern comes, to every lane.</summary>
internal sealed record PatternJoin(PatternSubscription Subscription, NotifyFrontEnd FrontEnd);

/// <summary>A subscription to a pattern goes, from every lane.</summary>
internal sealed record PatternLeave(PatternSubscription Subscription, NotifyFrontEnd FrontEnd, UnsubscribeCommand? Command);

/// <summary>Tell filtered subscriptions where their channels are.</summary>
internal sealed record PassedWork;

/// <summary>Look for channels nobody wants.</summary>
internal sealed record SweepWork;

/// <summary>The channels on a silo are to be attached again, by every lane.</summary>
internal sealed record AttachAgainOn(SiloAddress Host);

/// <summary>The list to exchange with a silo, to which every lane adds its part.</summary>
/// <param name="host">The silo.</param>
/// <param name="lanes">How many there are.</param>
internal sealed class AttachedListing(SiloAddress host, int lanes)
{
    private readonly TaskCompletionSource<AttachedChannel[]> _whole = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<AttachedChannel> _channels = [];
    private int _lanes = lanes;

    /// <summary>The silo.</summary>
    public SiloAddress Host => host;

    /// <summary>The list.</summary>
    public Task<AttachedChannel[]> Whole => _whole.Task;

    /// <summary>Adds a lane's part.</summary>
    public void Add(IEnumerable<AttachedChannel> channels)
    {
        lock (_channels)
        {
            _channels.AddRange(channels);
            if (--_lanes == 0)
                _whole.SetResult([.. _channels]);
        }
    }
}

/// <summary>These channels are to be attached again.</summary>
internal sealed record AttachAgain(IReadOnlyList<string> Channels);
