using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// One channel as this front-end serves it: attached to its grain, a cursor over what the stream brings, and the local subscriptions.
/// Everything here runs on the channel's fan-out lane; calls to the grain run elsewhere and come back as work.
/// </summary>
internal sealed partial class LocalChannel(string name, LocalChannel.Surroundings world)
{
    /// <summary>A subscriber that waits longer than this for its channel, or for all silos to know its pattern, is told so (error 100, temporary) and may try again.</summary>
    public static readonly TimeSpan JoinPatience = TimeSpan.FromSeconds(15);

    // Of spare lists, and of what one of them has room for: as much as is used over and over.
    private const int MostSpare = 64;

    private ChannelCursor _cursor;
    private LiveSubscriptions _live;

    // Of the channels that connections are on without asking: whose own subscription replaces the unasked one.
    private readonly Dictionary<Connection, Subscription>? _asked = ChannelName.IsUnlisted(name) ? [] : null;

    private readonly bool _forcesRecovery = world.Namespaces.Find(name)?.ForceRecovery ?? false;

    private SiloAddress? _host; // where it was attached last, and as which number
    private long _attached;
    private long _number; // of the call under way, or the last one
    private bool _recoverable;
    private bool _attaching;
    private bool _repairing;
    private int _failures;
    private long _idleSince;
    private List<Publication>? _collected; // one of the lane's spare lists, until it is delivered

    /// <summary>What all channels of a front-end share.</summary>
    internal sealed record Surroundings(
        ChannelCalls Calls,
        AttachedChannels Attached,
        ConnectionTable Connections,
        ChannelNamespaces Namespaces,
        ChannelLimitOptions Limits,
        NotifyMetrics Metrics,
        TimeProvider Time,
        EventBatch Batch,
        EventBatch Filtered,
        Action<string, object> Post,
        Action<LocalChannel> HasDelivery,
        int ConnectionsPerUser)
    {
        /// <summary>Empty lists: few channels have something collected at one moment.</summary>
        public Stack<List<Publication>> Spare { get; } = new();
    }

    /// <summary>The channel.</summary>
    public string Name => name;

    /// <summary>How many connections a publication goes to.</summary>
    public int Reach => ReachesEveryone ? world.Connections.Count : _liveCount + _joiners.CatchingUp.Count;

    /// <summary>Subscribers of any state, for the order in which channels are attached again.</summary>
    public int Subscribers => _liveCount + _joiners.CatchingUp.Count + _joiners.Waiting.Count;

    /// <summary>How many epochs have been followed: tells whether a connection has been told the one of now.</summary>
    public int EpochCount { get; private set; } = 1;

    /// <summary>Whether the lane is about to have it deliver.</summary>
    public bool IsDue { get; set; }

    /// <summary>Whether the channel is attached and its place known.</summary>
    public bool IsReady => _cursor.IsPlaced;

    private bool ReachesEveryone { get; } = ChannelName.ReachesEveryone(name);

    private List<Publication> Collecting => _collected ??= world.Spare.TryPop(out var spare) ? spare : [];

    private bool HasCollected => _collected is { Count: > 0 };

    /// <summary>Whether a batch is simply what comes next: taking it calls no grain.</summary>
    public bool IsNext(ChannelPublications batch) => _cursor.IsNext(batch) && _joiners.CatchingUp.Count == 0;

    /// <summary>Takes what the stream brought.</summary>
    public void Accept(ChannelPublications batch)
    {
        switch (_cursor.Accept(batch, Collecting))
        {
            case CursorVerdict.HigherEpoch:
                Follow(batch.Epoch);
                Accept(batch);
                Attach();
                return;
            case CursorVerdict.Hole:
                Repair();
                break;
        }
        if (HasCollected)
            world.HasDelivery(this);
        else
            Spare();
    }

    /// <summary>Takes a position that a beat told: everything up to it has already come through the stream, or is lost.</summary>
    public void Accept(ChannelPosition position)
    {
        if (!_cursor.IsPlaced)
            return;
        if (position.Epoch > _cursor.Epoch)
            Attach();
        else if (position.Epoch == _cursor.Epoch && position.Offset > _cursor.Offset)
            Repair();
    }

    /// <summary>Attaches, or attaches again: the grain answers where the channel is, and streams what comes after.</summary>
    public void Attach()
    {
        if (_attaching)
            return;
        _attaching = true;
        _number = world.Calls.NextNumber();
        _ = Call(new Attachment(world.Calls.FrontEnd, _number, _cursor.Epoch, _cursor.Offset), Backoff(_failures));

        async Task Call(Attachment attachment, TimeSpan delay)
        {
            if (delay > TimeSpan.Zero)
                await Task.Delay(delay, world.Time);
            var reply = await world.Calls.Attach(name, attachment);
            world.Post(name, new AttachAnswer(attachment.Number, reply));
        }
    }

    /// <summary>Takes the grain's answer.</summary>
    public void Accept(AttachAnswer answer)
    {
        if (answer.Number != _number)
            return;
        _attaching = false;
        if (answer.Reply is not { Superseded: false } reply || reply.Position.Epoch < _cursor.Epoch)
        {
            _failures++;
            FailImpatient();
            if (IsWanted)
                Attach();
            return;
        }
        _failures = 0;
        ForgetHost();
        (_host, _attached) = (reply.Host, answer.Number);
        world.Attached.Attached(name, _host, _attached);
        _recoverable = reply.Recoverable;
        if (!_cursor.IsPlaced)
            _cursor.Place(PlaceFor(reply), Collecting);
        else if (reply.Position.Epoch > _cursor.Epoch)
            Follow(reply.Position.Epoch);
        Deliver();
        if (_cursor.HasHole || reply.Position.Offset > _cursor.Offset)
            Repair();
        JoinWaiting();
        AnnounceAnew();
    }

    /// <summary>Hands what was collected to the outboxes: one frame per connection, encoded once per format.</summary>
    public void Deliver()
    {
        if (_collected is not { Count: > 0 } collected)
        {
            Spare();
            return;
        }
        var at = 0;
        while (at < collected.Count)
        {
            world.Batch.Begin(name, _cursor.Epoch);
            var bytes = 0;
            // A frame stays near one socket buffer, however much has gathered.
            for (; at < collected.Count && (bytes == 0 || bytes + collected[at].Data.Length <= 48 << 10); at++)
            {
                world.Batch.Add(collected[at]);
                bytes += collected[at].Data.Length + 128;
            }
            if (_live.Count < SharedLoop.Worthwhile)
                Deliver(0, _live.Count);
            else
                SharedLoop.Run(_live.Count, Deliver);
            foreach (var subscription in _joiners.CatchingUp)
                Hold(subscription);
            if (ReachesEveryone)
                DeliverToEveryone();
            if (_filtered is not null)
                DeliverFiltered();
        }
        _usedAt = world.Time.GetTimestamp();
        world.Metrics.PublishToWritten(world.Time.GetUtcNow() - collected[^1].PublishedAt);
        Spare();
    }

    private void Spare()
    {
        if (_collected is { Capacity: <= MostSpare } collected && world.Spare.Count < MostSpare)
        {
            collected.Clear();
            world.Spare.Push(collected);
        }
        _collected = null;
    }

    // By several threads at once, each with subscriptions of its own; the lane waits for all of them.
    private void Deliver(int from, int to) => Deliver(_live.All, world.Batch, from, to);

    private void Deliver(ArraySegment<Subscription> live, EventBatch batch, int from, int to)
    {
        foreach (var subscription in live.AsSpan(from, to - from))
            Deliver(subscription, batch);
    }

    private void Deliver(Subscription subscription, EventBatch batch)
    {
        var connection = subscription.Connection;
        var frame = batch.FrameFor(connection.Format, subscription.EpochSeen != EpochCount, subscription.Has, connection.Id);
        if (frame is null)
            return;
        subscription.EpochSeen = EpochCount;
        subscription.Send(frame);
    }

    private void DeliverToEveryone()
    {
        foreach (var connection in world.Connections)
        {
            if (connection.Identity is null || _asked!.ContainsKey(connection))
                continue;
            ref var told = ref name == ChannelName.System ? ref connection.SystemEpoch : ref connection.BroadcastEpoch;
            var frame = world.Batch.FrameFor(connection.Format, told != EpochCount, 0, connection.Id);
            if (frame is null)
                continue;
            told = EpochCount;
            connection.Send(frame);
        }
    }

    // The channel has begun anew. What exists of the new epoch is read from its first publication on, so connected clients lose nothing of it.
    private void Follow(ChannelEpoch epoch)
    {
        Deliver();
        _cursor.Follow(epoch);
        _repairing = false;
        EpochCount++;
        world.Metrics.EpochTold();
        BeginFiltersAnew();
        foreach (var subscription in _joiners.CatchingUp.FindAll(joining => joining.State == SubscriptionState.Reading))
            JoinAgain(subscription); // its place was in the epoch that is over
        foreach (var subscription in AllLive)
        {
            subscription.Has = subscription.Told = 0;
            if (IsToldPositions(subscription))
                subscription.Send(subscription.Connection.Format.Position(name, _cursor.Position, recovered: false));
        }
        foreach (var subscription in _joiners.CatchingUp)
        {
            subscription.Has = subscription.Told = 0;
            if (IsToldPositions(subscription))
                Hold(subscription, subscription.Connection.Format.Position(name, _cursor.Position, recovered: false));
        }
    }

    // Single flight: whatever else shows the same hole waits for this read.
    private void Repair()
    {
        if (_repairing || !_cursor.IsPlaced)
            return;
        _repairing = true;
        _ = Call(_cursor.Position, Backoff(_failures));

        async Task Call(ChannelPosition from, TimeSpan delay)
        {
            if (delay > TimeSpan.Zero)
                await Task.Delay(delay, world.Time);
            var page = await world.Calls.Read(name, new HistoryRequest(from.Offset, ulong.MaxValue, world.Limits.HistoryPageSize, false, from.Epoch));
            world.Post(name, new RepairAnswer(from, page));
        }
    }

    /// <summary>Takes the missing part.</summary>
    public void Accept(RepairAnswer answer)
    {
        if (!_repairing || answer.From.Epoch != _cursor.Epoch)
            return;
        _repairing = false;
        if (answer.Page is not { Superseded: false } page)
        {
            _failures++;
            if (answer.Page is not null)
                Attach();
            if (IsWanted)
                Repair();
            return;
        }
        _failures = 0;
        if (page.Position.Epoch != _cursor.Epoch)
        {
            Attach();
            return;
        }
        if (page.Gapless)
        {
            if (page.Publications.Length > 0)
                world.Metrics.GapRepaired();
            _cursor.Fill(page.Publications, Collecting);
        }
        else
        {
            TellLost(page);
        }
        Deliver();
        if (_cursor.HasHole || page.Position.Offset > _cursor.Offset)
            Repair();
    }

    private void TellLost(HistoryPage page)
    {
        var lostTo = page.Publications.Length > 0 ? page.Publications[0].Offset - 1 : page.Position.Offset;
        if (lostTo > _cursor.Offset)
        {
            world.Metrics.GapTold();
            var position = new ChannelPosition(_cursor.Epoch, lostTo);
            foreach (var subscription in AllLive.Where(IsToldPositions))
            {
                subscription.Told = lostTo;
                subscription.Send(subscription.Connection.Format.Position(name, position, recovered: false));
            }
            foreach (var subscription in _joiners.CatchingUp.Where(IsToldPositions))
            {
                subscription.Told = lostTo;
                Hold(subscription, subscription.Connection.Format.Position(name, position, recovered: false));
            }
        }
        _cursor.Skip(lostTo, Collecting);
        _cursor.Fill(page.Publications, Collecting);
    }

    /// <summary>Ends the attachment if nobody has wanted the channel for a while.</summary>
    /// <returns>True when the channel is to be forgotten.</returns>
    public bool DetachIfIdle(TimeSpan after)
    {
        if ((IsWanted && !IsIdlePattern(after)) || _attaching)
        {
            _idleSince = 0;
            return false;
        }
        if (_idleSince == 0)
        {
            _idleSince = world.Time.GetTimestamp();
            return false;
        }
        if (world.Time.GetElapsedTime(_idleSince) < after)
            return false;
        if (_host is not null)
            _ = world.Calls.Detach(name, _number);
        ForgetHost();
        return true;
    }

    /// <summary>Whether it is attached to that silo.</summary>
    public bool IsOn(SiloAddress host) => host.Equals(_host);

    /// <summary>As what it was attached.</summary>
    public AttachedChannel AttachedAs => new(name, _attached);

    private void ForgetHost()
    {
        if (_host is not null)
            world.Attached.Detached(name, _host, _attached);
        _host = null;
    }

    private bool IsToldPositions(Subscription subscription) => _forcesRecovery || subscription.HasOptions;

    private bool IsWanted => ReachesEveryone || Subscribers > 0;

    // 0, 50 ms, 100 ms … 1.6 s: for seconds after a crash calls fail, and hundreds of channels try again at once.
    private static TimeSpan Backoff(int failures) => failures == 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(25 << Math.Min(failures, 6));
}

/// <summary>What became of an attach; the reply is null when the call failed.</summary>
internal sealed record AttachAnswer(long Number, AttachReply? Reply);

/// <summary>What became of a read that fills a hole; the page is null when the call failed.</summary>
internal sealed record RepairAnswer(ChannelPosition From, HistoryPage? Page);
