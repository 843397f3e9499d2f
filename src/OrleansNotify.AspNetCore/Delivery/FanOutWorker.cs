namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>
/// One lane of fan-out: work posted from any thread runs here one item after the other, in order. Whoever kicks an idle lane takes the drain
/// token: a small delivery is done at once on that thread, a large one goes to the thread pool. So a lone publication to a few subscribers pays no
/// thread hop, and a large fan-out does not hold up the stream. What comes in while the lane waits for its thread is delivered together.
/// </summary>
internal sealed class FanOutWorker(ILaneHandler handler) : IThreadPoolWorkItem
{
    private readonly Lock _lock = new();
    private List<object> _inbox = [];
    private List<object> _batch = [];
    private bool _draining;
    private int _holders;

    /// <summary>Appends work; it runs at the next <see cref="Kick"/>, or sooner if the lane is running.</summary>
    public void Post(object work)
    {
        lock (_lock)
            _inbox.Add(work);
    }

    /// <summary>Makes the lane run what was posted.</summary>
    /// <param name="inline">Whether a small delivery may be done on this thread.</param>
    public void Kick(bool inline)
    {
        lock (_lock)
        {
            if (_draining || _inbox.Count == 0)
                return;
            _draining = true;
        }
        if (inline)
            Drain(mayStay: false);
        else
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>
    /// Appends work; if the lane is idle and the handler can deliver it without anything else, that is done at once, on this thread. For threads that may not be
    /// held up by what else the lane has to do.
    /// </summary>
    public void Pass(object work)
    {
        bool alone;
        lock (_lock)
        {
            alone = !_draining && _inbox.Count == 0 && _holders == 0;
            if (!alone)
                _inbox.Add(work);
            if (_draining || _holders > 0)
                return;
            _draining = true;
        }
        var delivered = alone && handler.TryDeliver(work);
        lock (_lock)
        {
            if (alone && !delivered)
                _inbox.Insert(0, work);
            if (_inbox.Count == 0)
            {
                _draining = false;
                return;
            }
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>From here on what is passed is only appended, until <see cref="Release"/>: more of it is about to come, and is delivered together.</summary>
    public void Hold()
    {
        lock (_lock)
            _holders++;
    }

    /// <summary>Makes the lane run what was appended meanwhile, on another thread.</summary>
    public void Release()
    {
        lock (_lock)
            _holders--;
        Kick(inline: false);
    }

    void IThreadPoolWorkItem.Execute() => Drain(mayStay: true);

    // Holds the drain token.
    private void Drain(bool mayStay)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_inbox.Count == 0 && !handler.HasDelivery)
                {
                    _draining = false;
                    return;
                }
                (_inbox, _batch) = (_batch, _inbox);
            }
            foreach (var work in _batch)
                handler.Accept(work);
            _batch.Clear();
            if (!mayStay && handler.DeliveryIsLarge)
            {
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }
            handler.Deliver();
        }
    }
}

/// <summary>What a lane does with its work. Called by one thread at a time; never throws.</summary>
internal interface ILaneHandler
{
    /// <summary>Takes one item; what is to be delivered is only collected.</summary>
    void Accept(object work);

    /// <summary>Takes one item and hands it to the outboxes, if that is all there is to do with it and it is little; false: nothing was done.</summary>
    bool TryDeliver(object work);

    /// <summary>Whether something is collected.</summary>
    bool HasDelivery { get; }

    /// <summary>Whether it is too much for a thread that has something else to do.</summary>
    bool DeliveryIsLarge { get; }

    /// <summary>Hands what is collected to the outboxes.</summary>
    void Deliver();
}
