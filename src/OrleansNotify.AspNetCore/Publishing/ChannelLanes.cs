using System.Runtime.InteropServices;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>One call to a channel grain.</summary>
/// <param name="channel">The channel.</param>
/// <param name="items">What it carries, in order.</param>
/// <param name="startedAt">Timestamp.</param>
internal sealed class PublishCall(string channel, PendingPublication[] items, long startedAt)
{
    private const int UnderWay = 0, Refused = 1, Abandoned = 2;

    private int _state;

    /// <summary>The channel.</summary>
    public string Channel => channel;

    /// <summary>What it carries, in order.</summary>
    public PendingPublication[] Items => items;

    /// <summary>Timestamp.</summary>
    public long StartedAt => startedAt;

    /// <summary>What its publishers are told when its deadline has passed.</summary>
    public PublishRefusal Outcome { get; private set; }

    /// <summary>Nothing of it was accepted and nothing of it is under way, until <see cref="TryGoOn"/>.</summary>
    public void Pause() => Interlocked.CompareExchange(ref _state, Refused, UnderWay);

    /// <summary>It is about to be made again.</summary>
    /// <returns>False: its publishers have been answered meanwhile.</returns>
    public bool TryGoOn() => Interlocked.CompareExchange(ref _state, UnderWay, Refused) != Abandoned;

    /// <summary>Its deadline has passed.</summary>
    public void Abandon() => Outcome = Interlocked.Exchange(ref _state, Abandoned) == Refused ? PublishRefusal.NotAccepted : PublishRefusal.Unknown;
}

/// <summary>A lane that waits for publishers who have just been answered.</summary>
/// <param name="call">Stands in the lane, empty, for the call to come.</param>
/// <param name="wanted">So many publications are worth the call.</param>
internal sealed class Gathering(PublishCall call, int wanted)
{
    /// <summary>Stands in the lane, empty, for the call to come.</summary>
    public PublishCall Call => call;

    /// <summary>So many publications are worth the call.</summary>
    public int Wanted => wanted;

    /// <summary>Completes when they are there.</summary>
    public TaskCompletionSource IsFull { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}

/// <summary>
/// Which channels have a call in flight, and what collects behind it. A channel is known here only while its call is in flight, so that names
/// used once leave nothing behind. Thread-safe; makes no call itself: whoever gets a <see cref="PublishCall"/> makes it.
/// </summary>
/// <param name="rush">So long after publishers were answered together the next ones are collected, in timestamps.</param>
internal sealed class ChannelLanes(long rush)
{
    /// <summary>Most publications in one call.</summary>
    public const int MaxItemsPerCall = 256;

    /// <summary>Most payload bytes in one call, unless a single publication has more: a call should not hold up the link between two silos.</summary>
    public const int MaxBytesPerCall = 1 << 20;

    /// <summary>Most publications that may wait behind a call; the next one is not accepted.</summary>
    public const int MaxWaitingItems = 4096;

    /// <summary>Most payload bytes that may wait behind a call; the next publication is not accepted.</summary>
    public const int MaxWaitingBytes = 16 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Lane> _lanes = new(StringComparer.Ordinal);
    private long _rushUntil;

    /// <summary>Channels with a call in flight.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _lanes.Count;
        }
    }

    /// <summary>Whether so much goes into one call.</summary>
    public static bool FitOneCall(ReadOnlySpan<PublicationDraft> drafts)
    {
        var bytes = 0L;
        foreach (var draft in drafts)
            bytes += draft.Data.Length;
        return drafts.Length == 1 || (drafts.Length <= MaxItemsPerCall && bytes <= MaxBytesPerCall);
    }

    /// <summary>Whether the channel has a call in flight.</summary>
    public bool Has(string channel)
    {
        lock (_lock)
            return _lanes.ContainsKey(channel);
    }

    /// <summary>Takes a publication in.</summary>
    /// <param name="channel">Its channel.</param>
    /// <param name="item">The publication.</param>
    /// <param name="isOfMany">Whether others come with it.</param>
    /// <param name="call">
    /// The call to make when none is in flight; null: the item waits for its turn. It is empty when others are expected: the item waits for them, until the
    /// call is completed.
    /// </param>
    /// <returns>False when too much waits; the item was not taken.</returns>
    public bool TryAdd(string channel, PendingPublication item, bool isOfMany, out PublishCall? call)
    {
        lock (_lock)
        {
            ref var lane = ref CollectionsMarshal.GetValueRefOrAddDefault(_lanes, channel, out var exists);
            if (exists)
            {
                call = null;
                return lane!.TryWait(item);
            }
            var isAlone = !isOfMany && item.Since >= _rushUntil;
            call = new PublishCall(channel, isAlone ? [item] : [], item.Since);
            lane = new Lane(call);
            return isAlone || lane.TryWait(item);
        }
    }

    /// <summary>A call has come back.</summary>
    /// <param name="call">The call.</param>
    /// <param name="now">Timestamp.</param>
    /// <param name="next">The call to make now; null when nothing waits and the lane is gone.</param>
    /// <returns>False when the call was abandoned: its publishers have their answer, the lane has gone on.</returns>
    public bool TryComplete(PublishCall call, long now, out PublishCall? next)
    {
        lock (_lock)
        {
            next = null;
            if (!_lanes.TryGetValue(call.Channel, out var lane) || lane.Current != call)
                return false;
            next = Advance(call.Channel, lane, now);
            return true;
        }
    }

    /// <summary>A call has come back, and the lane is gone.</summary>
    /// <returns>False when something waits behind it, or it was abandoned.</returns>
    public bool TryEnd(PublishCall call)
    {
        lock (_lock)
            return _lanes.TryGetValue(call.Channel, out var lane) && lane.Current == call && lane.IsEmpty && _lanes.Remove(call.Channel);
    }

    /// <summary>
    /// A call has come back, and its publishers are about to go on: the lane waits for them, so that they travel together again. Complete the
    /// <see cref="Gathering.Call"/> to end it.
    /// </summary>
    /// <param name="call">The call.</param>
    /// <param name="now">Timestamp.</param>
    /// <returns>Null when the call was abandoned.</returns>
    public Gathering? TryGather(PublishCall call, long now)
    {
        lock (_lock)
        {
            if (!_lanes.TryGetValue(call.Channel, out var lane) || lane.Current != call)
                return null;
            lane.Current = new PublishCall(call.Channel, [], now);
            _rushUntil = now + rush;
            return lane.Gather(call.Items.Length);
        }
    }

    /// <summary>Gives up calls that started, and takes out publications that have waited, before a moment.</summary>
    /// <param name="before">Timestamp.</param>
    /// <param name="now">Timestamp.</param>
    /// <param name="abandoned">Gets the calls given up.</param>
    /// <param name="unsent">Gets publications that were never sent.</param>
    /// <param name="next">Gets the calls to make instead.</param>
    public void Expire(long before, long now, List<PublishCall> abandoned, List<PendingPublication> unsent, List<PublishCall> next)
    {
        lock (_lock)
        {
            foreach (var (channel, lane) in _lanes) // removing what is enumerated is allowed
            {
                lane.TakeWaiting(before, unsent);
                if (lane.Current.StartedAt >= before)
                    continue;
                lane.Current.Abandon();
                if (lane.Current.Items.Length > 0) // a lane that gathers has none
                    abandoned.Add(lane.Current);
                if (Advance(channel, lane, now) is { } call)
                    next.Add(call);
            }
        }
    }

    private PublishCall? Advance(string channel, Lane lane, long now)
    {
        var items = lane.TakeBatch();
        if (items.Length == 0)
        {
            _lanes.Remove(channel);
            return null;
        }
        return lane.Current = new PublishCall(channel, items, now);
    }

    private sealed class Lane(PublishCall current)
    {
        private PendingPublication? _first;
        private PendingPublication? _last;
        private int _count;
        private int _bytes;
        private Gathering? _gathering;

        public PublishCall Current { get; set; } = current;

        public bool IsEmpty => _first is null;

        public bool TryWait(PendingPublication item)
        {
            if (_count == MaxWaitingItems || _bytes + item.Draft.Data.Length > MaxWaitingBytes)
                return false;
            if (_last is null)
                _first = item;
            else
                _last.Next = item;
            _last = item;
            _count++;
            _bytes += item.Draft.Data.Length;
            if (_count >= _gathering?.Wanted)
                _gathering.IsFull.TrySetResult();
            return true;
        }

        public Gathering Gather(int expected)
        {
            _gathering = new Gathering(Current, Math.Min(_count + expected, MaxItemsPerCall));
            if (_count >= _gathering.Wanted)
                _gathering.IsFull.TrySetResult();
            return _gathering;
        }

        public PendingPublication[] TakeBatch()
        {
            _gathering = null;
            var count = 0;
            var bytes = 0;
            for (var item = _first; item is not null && count < MaxItemsPerCall; item = item.Next)
            {
                bytes += item.Draft.Data.Length;
                if (count > 0 && bytes > MaxBytesPerCall)
                    break;
                count++;
            }
            var batch = new PendingPublication[count];
            for (var i = 0; i < count; i++)
                batch[i] = Pop();
            return batch;
        }

        public void TakeWaiting(long before, List<PendingPublication> taken)
        {
            while (_first is not null && _first.Since < before)
                taken.Add(Pop());
        }

        private PendingPublication Pop()
        {
            var item = _first!;
            _first = item.Next;
            item.Next = null;
            if (_first is null)
                _last = null;
            _count--;
            _bytes -= item.Draft.Data.Length;
            return item;
        }
    }
}
