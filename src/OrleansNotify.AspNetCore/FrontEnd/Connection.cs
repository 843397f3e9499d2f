using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>One client session on this silo.</summary>
internal sealed class Connection(long number, string id, string transport, DateTimeOffset since, IFrameFormat format, IFrameSink sink, Outbox outbox, SubscriptionCounts counts, IConnectionWatch? watch = null) : IOutboxOwner
{
    private readonly Lock _lock = new();
    private readonly List<Subscription> _subscriptions = [];
    private List<Subscription>? _leaving; // taken away, and perhaps still with their channels' lanes
    private Identity? _identity;
    private long _nextExpiry = long.MaxValue;
    private bool _ended;
    private int _closing;
    private int _waits;
    private TaskCompletionSource? _closed;
    private (DisconnectCode Code, string Reason)? _farewell;

    /// <summary>Rising on its silo; with the silo's tag it makes <see cref="Id"/>.</summary>
    public long Number => number;

    /// <summary>Unique in the cluster.</summary>
    public string Id => id;

    /// <summary>Who it is; null: it has not said so yet, and gets nothing.</summary>
    public Identity? Identity
    {
        get => Volatile.Read(ref _identity);
        set
        {
            lock (_lock)
            {
                var isKnown = _identity is not null;
                Volatile.Write(ref _identity, value);
                if (!isKnown && !_ended)
                    watch?.Connected(this);
            }
            Keeper?.Hurry(this);
        }
    }

    /// <summary>Its user, or null.</summary>
    public string? User => Identity?.User;

    /// <summary>How it came, such as <c>websocket</c>.</summary>
    public string Transport => transport;

    /// <summary>When it began.</summary>
    public DateTimeOffset Since => since;

    /// <summary>When the first of its subscription tokens expires, in ticks of UTC.</summary>
    public long NextExpiry => Volatile.Read(ref _nextExpiry);

    /// <summary>The encoding and framing it speaks.</summary>
    public IFrameFormat Format => format;

    /// <summary>What waits for its socket.</summary>
    public Outbox Outbox => outbox;

    /// <summary>When the client was last heard of, and last pinged: timestamps of the silo's clock.</summary>
    public KeepAliveState KeepAlive;

    /// <summary>Which epoch of the channels that reach everyone this connection has been told: the channel's count of epochs.</summary>
    public int BroadcastEpoch;

    /// <summary>As <see cref="BroadcastEpoch"/>.</summary>
    public int SystemEpoch;

    /// <summary>Up to which version of the revoked tokens its own were checked; the next look after it checks what is newer. −1: a token of its is new.</summary>
    public long RevocationsChecked { get; set; } = -1;

    /// <summary>Its place among the <see cref="ConnectionDeadlines"/>, which alone use it; −1: none.</summary>
    public int DeadlineSlot { get; set; } = -1;

    /// <summary>Who looks after it; null: nobody.</summary>
    public IConnectionKeeper? Keeper { get; init; }

    /// <summary>Whether its end has begun.</summary>
    public bool IsClosing => Volatile.Read(ref _closing) != 0;

    /// <summary>How many subscriptions it asked for.</summary>
    public int SubscriptionCount
    {
        get
        {
            lock (_lock)
                return _subscriptions.Count;
        }
    }

    /// <summary>The catch-up under way; the next one starts behind it. One at a time bounds what recovery holds in memory.</summary>
    public Task CatchUp { get; set; } = Task.CompletedTask;

    /// <summary>Completes when the farewell is out, or could not be sent.</summary>
    public Task Closed => LazyInitializer.EnsureInitialized(ref _closed, static () => new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Completes <see cref="Closed"/>.</summary>
    public void SetClosed() => LazyInitializer.EnsureInitialized(ref _closed, static () => new(TaskCreationOptions.RunContinuationsAsynchronously)).TrySetResult();

    /// <summary>True for the first caller: it does the closing.</summary>
    public bool TryBeginClose() => Interlocked.Exchange(ref _closing, 1) == 0;

    /// <summary>Sends a frame; a connection whose outbox is full is ended as slow.</summary>
    public void Send(Frame frame)
    {
        // Closed by a thread of the pool: this one may be a channel's, in its turn, and an end has calls to other grains to make.
        if (!outbox.TryEnqueue(frame) && !IsClosing)
            ThreadPool.UnsafeQueueUserWorkItem(static connection => connection.Close(DisconnectCode.Slow, "The client reads too slowly: more than the outbox holds was waiting."), this, preferLocal: false);
    }

    /// <summary>Says farewell and ends the connection: a slow one gets its close frame instead of what was waiting.</summary>
    public void Close(DisconnectCode code, string reason)
    {
        if (!TryBeginClose())
            return;
        _farewell = (code, reason);
        Keeper?.Close(this, code, reason);
    }

    /// <inheritdoc />
    public void Waits()
    {
        if (Volatile.Read(ref _waits) == 0 && Interlocked.Exchange(ref _waits, 1) == 0)
            Keeper?.Waits(this);
    }

    /// <summary>From here on <see cref="Waits"/> tells the keeper again.</summary>
    public void WaitsNoMore() => Volatile.Write(ref _waits, 0);

    /// <summary>A token of its is new: it is checked against what was revoked.</summary>
    public void CheckRevocations()
    {
        RevocationsChecked = -1;
        Keeper?.Hurry(this);
    }

    /// <summary>Ends the socket: our farewell is out.</summary>
    public void CloseSink() => sink.Close();

    /// <summary>Ends the socket at once.</summary>
    public void Abort() => sink.Abort();

    /// <summary>Adds a subscription unless there is one of that channel, or too many, or (<see cref="NotifyError.NotAvailable"/>) the connection has ended: nobody would ever take it away.</summary>
    public NotifyError? TryAdd(Subscription subscription, int limit)
    {
        lock (_lock)
        {
            if (_ended)
                return NotifyError.NotAvailable;
            if (Find(subscription.Channel) is not null)
                return NotifyError.AlreadySubscribed;
            if (_subscriptions.Count >= limit)
                return NotifyError.LimitExceeded;
            _subscriptions.Add(subscription);
            counts.Subscribed(subscription.Channel);
            watch?.Subscribed(this, subscription.Channel);
            if (subscription.Expires is { } expires && expires.UtcTicks < _nextExpiry)
                Volatile.Write(ref _nextExpiry, expires.UtcTicks);
            if (subscription.Token is not null)
                CheckRevocations();
            return null;
        }
    }

    /// <summary>Takes a subscription away; null when there is none.</summary>
    public Subscription? Remove(string channel)
    {
        lock (_lock)
        {
            var subscription = Find(channel);
            if (subscription is not null)
                Remove(subscription);
            return subscription;
        }
    }

    /// <summary>Takes this very subscription away; false when it has gone already.</summary>
    public bool Remove(Subscription subscription)
    {
        lock (_lock)
        {
            if (!_subscriptions.Remove(subscription))
                return false;
            counts.Unsubscribed(subscription.Channel);
            watch?.Unsubscribed(this, subscription.Channel);
            _leaving?.RemoveAll(left => left.State == SubscriptionState.Ended);
            if (!_ended && subscription is { ByPattern: null, State: not SubscriptionState.Ended })
                (_leaving ??= new(1)).Add(subscription);
            return true;
        }
    }

    /// <summary>Takes subscriptions away.</summary>
    public Subscription[] RemoveWhere(Predicate<Subscription> condition)
    {
        lock (_lock)
        {
            Subscription[] removed = [.. _subscriptions.Where(subscription => condition(subscription))];
            foreach (var subscription in removed)
                Remove(subscription);
            return removed;
        }
    }

    /// <summary>Takes those away whose tokens have expired.</summary>
    public Subscription[] RemoveExpired(DateTimeOffset now)
    {
        lock (_lock)
        {
            var expired = RemoveWhere(subscription => now >= subscription.Expires);
            Volatile.Write(ref _nextExpiry, _subscriptions.Min(subscription => subscription.Expires)?.UtcTicks ?? long.MaxValue);
            return expired;
        }
    }

    /// <summary>Takes all subscriptions away, and takes no more.</summary>
    public Subscription[] RemoveAll()
    {
        lock (_lock)
        {
            var hasEnded = _ended;
            _ended = true;
            var all = RemoveWhere(_ => true);
            if (!hasEnded && _identity is not null)
                watch?.Disconnected(this, _farewell?.Code, _farewell?.Reason);
            return all;
        }
    }

    /// <summary>For the connections list.</summary>
    public ConnectionInfo Describe()
    {
        lock (_lock)
            return new ConnectionInfo(number, User, transport, since, [.. _subscriptions.Select(s => s.Channel)], outbox.Sent, outbox.PendingBytes);
    }

    /// <summary>Whether it is subscribed to a channel.</summary>
    public bool IsSubscribed(string channel)
    {
        lock (_lock)
            return Find(channel) is not null;
    }

    /// <summary>
    /// Its own subscription that a channel has, also when that is about to go: what is behind it in the lane's inbox must not take the connection for one
    /// that does not get the channel. For the channel's lane only.
    /// </summary>
    public Subscription? Own(string channel)
    {
        lock (_lock)
            return Has(Find(channel)) ?? _leaving?.Find(leaving => leaving.Channel == channel && Has(leaving) is not null);

        static Subscription? Has(Subscription? subscription) =>
            subscription is { State: SubscriptionState.Reading or SubscriptionState.CatchingUp or SubscriptionState.Live } ? subscription : null;
    }

    private Subscription? Find(string channel)
    {
        foreach (var subscription in _subscriptions)
        {
            if (subscription.Channel == channel)
                return subscription;
        }
        return null;
    }
}

/// <summary>Timestamps of one connection's keep-alive.</summary>
internal struct KeepAliveState
{
    /// <summary>When bytes last came in.</summary>
    public long Heard;

    /// <summary>When the ping that waits for an answer was sent; 0 when none waits.</summary>
    public long Pinged;

    /// <summary>When the next ping is due.</summary>
    public long NextPing;
}
