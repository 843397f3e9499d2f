namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// Subscriptions that get publications as they come, in no order; each knows its place (<see cref="Subscription.Index"/>). A part of its channel and
/// no object of its own, with room for one: as many most channels have.
/// </summary>
internal struct LiveSubscriptions
{
    private Subscription[]? _items;

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>All of them, as of now.</summary>
    public readonly ArraySegment<Subscription> All => new(_items ?? [], 0, Count);

    /// <summary>Adds one.</summary>
    public void Add(Subscription subscription)
    {
        if (_items is null)
            _items = new Subscription[1];
        else if (Count == _items.Length)
            Array.Resize(ref _items, Math.Max(4, 2 * Count));
        subscription.Index = Count;
        _items[Count++] = subscription;
    }

    /// <summary>Removes one; the last takes its place.</summary>
    public void Remove(Subscription subscription)
    {
        var items = _items!;
        var last = items[--Count];
        items[subscription.Index] = last;
        last.Index = subscription.Index;
        items[Count] = null!;
        subscription.Index = -1;
    }
}
