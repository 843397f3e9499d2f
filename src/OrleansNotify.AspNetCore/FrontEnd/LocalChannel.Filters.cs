using OrleansNotify.AspNetCore.Delivery;

namespace OrleansNotify.AspNetCore.FrontEnd;

// Subscriptions that want some tags only. They lie apart from the others, those with equal filters together: who wants everything pays nothing for them, a
// filter is asked once per publication, and what it lets through is one frame for all that have it. A connection gets what any of its subscriptions wants.
internal sealed partial class LocalChannel
{
    private Dictionary<TagFilter, Filtered>? _filtered; // null: there are none
    private int _liveCount; // of all filters and without: asked for with every publication

    private sealed class Filtered
    {
        public LiveSubscriptions Live;

        // The last publication that the filter let through.
        public ulong Offset { get; set; }
    }

    /// <summary>Tells those with a filter how far the channel has come, if it has passed over what they do not want: so their positions do not age.</summary>
    public void TellPassed()
    {
        if (_filtered is null)
            return;
        Deliver();
        // Formats are few, and one for nearly all.
        (IFrameFormat Format, Frame Frame)? encoded = null;
        foreach (var filtered in _filtered.Values)
        {
            if (filtered.Offset == _cursor.Offset)
                continue;
            foreach (var subscription in filtered.Live.All)
            {
                if (subscription.Told >= _cursor.Offset)
                    continue;
                var format = subscription.Connection.Format;
                if (encoded is not { } shared || !ReferenceEquals(shared.Format, format))
                    encoded = shared = (format, format.Position(name, _cursor.Position, recovered: true));
                subscription.Told = _cursor.Offset;
                subscription.Send(shared.Frame);
            }
        }
    }

    private IEnumerable<Subscription> AllLive => _filtered is null ? _live.All : _live.All.Concat(_filtered.Values.SelectMany(filtered => filtered.Live.All));

    // Where a subscription lies while it is live.
    private ref LiveSubscriptions LiveWith(TagFilter? filter)
    {
        if (filter is null)
            return ref _live;
        _filtered ??= [];
        if (!_filtered.TryGetValue(filter, out var filtered))
            _filtered[filter] = filtered = new Filtered();
        return ref filtered.Live;
    }

    private void RemoveLive(Subscription subscription)
    {
        ref var live = ref LiveWith(subscription.Filter);
        live.Remove(subscription);
        _liveCount--;
        if (live.Count == 0 && subscription.Filter is not null && _filtered!.Remove(subscription.Filter) && _filtered.Count == 0)
            _filtered = null;
    }

    // Offsets were of the epoch that is over.
    private void BeginFiltersAnew()
    {
        if (_filtered is null)
            return;
        foreach (var filtered in _filtered.Values)
            filtered.Offset = 0;
    }

    private TagFilter? FilterFor(Subscription delivering)
    {
        var filter = (delivering.By?.Subscription ?? delivering).Wants;
        if (filter is null || _patterned?.GetValueOrDefault(delivering.Connection) is not { } patterned)
            return filter;
        foreach (var by in patterned.By)
            filter = filter?.Or(by.Subscription.Wants);
        return filter;
    }

    // The connection's patterns have changed, what is collected is delivered. True: it gets other publications than before.
    private bool FilterAnew(Subscription delivering)
    {
        var filter = FilterFor(delivering);
        if (Equals(filter, delivering.Filter))
            return false;
        if (delivering.State != SubscriptionState.Live)
        {
            delivering.Filter = filter;
            return true;
        }
        delivering.Told = delivering.Filter is null ? _cursor.Offset : Math.Max(delivering.Told, _filtered![delivering.Filter].Offset);
        RemoveLive(delivering);
        delivering.Filter = filter;
        AddLive(delivering);
        return true;
    }

    private void DeliverFiltered()
    {
        foreach (var (filter, filtered) in _filtered!)
        {
            var batch = BatchFor(filter);
            if (batch.Publications.Count == 0)
                continue;
            filtered.Offset = batch.Publications[^1].Offset;
            var live = filtered.Live.All;
            if (live.Count < SharedLoop.Worthwhile)
                Deliver(live, batch, 0, live.Count);
            else
                SharedLoop.Run(live.Count, (from, to) => Deliver(live, batch, from, to));
        }
    }

    // What a filter leaves of the batch; where that is all of it, the batch with its frames. Good until another is asked for.
    private EventBatch BatchFor(TagFilter? filter)
    {
        if (filter is null)
            return world.Batch;
        var all = world.Batch.Publications;
        world.Filtered.Begin(name, _cursor.Epoch);
        for (var i = 0; i < all.Count; i++)
        {
            if (filter.Matches(all[i]))
                world.Filtered.Add(all[i]);
        }
        return world.Filtered.Publications.Count == all.Count ? world.Batch : world.Filtered;
    }
}
