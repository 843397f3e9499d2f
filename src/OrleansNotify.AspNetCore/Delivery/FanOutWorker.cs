namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>
/// One lane of fan-out: work posted from any thread runs here one item after the other, in order. Whoever kicks an idle lane takes the drain
/// token: a small delivery is done at once on that thread, a large one goes to the thread pool. So a lone publication to a few subscribers pays no
/// thread hop, and a large fan-out does not hold up the stream. What comes in while the lane waits for its thread is delivered together.
/// </summary>
/// <param name="handler">What the work is given to.</param>
/// <param name="threads">Where it gets a thread of its own; by default from the thread pool.</param>
/// <param name="time">Measures <see cref="Span"/>; by default the system's.</param>
internal sealed class FanOutWorker(ILaneHandler handler, ILaneThreads? threads = null, TimeProvider? time = null) : IThreadPoolWorkItem
{
    /// <summary>
    /// While others wait for a thread, what is passed so soon after a delivery is collected for the next one: a send to the same subscribers for each would cost
    /// more than all else. So long it may wait for a thread of the pool, then whoever passes something delivers it: a thread may come after 15 ms only
    /// (the platform's socket engine gives back its own that late). 64 publishers to one subscriber: 1.03–1.2 × the publications, the deliveries' p99 1.1–1.3 ×,
    /// and 5 × if the pool alone delivered (medians of 4–5 by turns); 60 to 300 µs are alike.
    /// </summary>
    public static readonly TimeSpan Span = TimeSpan.FromMicroseconds(200);

    private readonly Lock _lock = new();
    private readonly ILaneThreads _threads = threads ?? PoolThreads.Instance;
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private List<object> _inbox = [];
    private List<object> _batch = [];
    private State _state;
    private long _since; // of the last delivery's end, or, while it waits for a thread, of the waiting's beginning
    private int _holders;
    private bool _isForPool; // what waits is not, or not only, what was passed and is little

    private enum State
    {
        Idle,

        /// <summary>For a thread of the pool, or for who passes something after <see cref="Span"/>.</summary>
        Waits,

        Runs,
    }

    /// <summary>Appends work; it runs at the next <see cref="Kick"/>, or sooner if the lane is running.</summary>
    public void Post(object work)
    {
        lock (_lock)
        {
            _inbox.Add(work);
            _isForPool = true;
        }
    }

    /// <summary>Makes the lane run what was posted.</summary>
    /// <param name="inline">Whether a small delivery may be done on this thread.</param>
    public void Kick(bool inline)
    {
        lock (_lock)
        {
            if (_state != State.Idle || _inbox.Count == 0)
                return;
            _state = inline ? State.Runs : State.Waits;
            _isForPool = true;
        }
        if (inline)
            Drain(mayStay: false);
        else
            _threads.Queue(this);
    }

    /// <summary>
    /// Appends work; if the lane is idle and the handler can deliver it without anything else, that is done at once, on this thread. For threads that may not be
    /// held up by what else the lane has to do.
    /// </summary>
    public void Pass(object work)
    {
        bool alone, isDue;
        lock (_lock)
        {
            alone = _state == State.Idle && _inbox.Count == 0 && _holders == 0 && (IsOver() || !_threads.AreBusy);
            if (!alone)
                _inbox.Add(work);
            isDue = _state == State.Waits && !_isForPool && IsOver();
            if (_holders > 0 || (_state != State.Idle && !isDue))
                return;
            if (alone || isDue)
                _state = State.Runs;
            else
                Wait();
        }
        if (isDue)
            Drain(mayStay: false, once: true);
        else if (!alone || !TryDeliverAlone(work))
            _threads.Queue(this);
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

    void IThreadPoolWorkItem.Execute()
    {
        lock (_lock)
        {
            if (_state != State.Waits)
                return; // somebody else has delivered
            _state = State.Runs;
        }
        Drain(mayStay: true);
    }

    private bool IsOver() => _time.GetElapsedTime(_since) >= Span;

    private void Wait()
    {
        _state = State.Waits;
        _since = _time.GetTimestamp();
    }

    private bool TryDeliverAlone(object work)
    {
        var delivered = handler.TryDeliver(work);
        lock (_lock)
        {
            if (!delivered)
            {
                _inbox.Insert(0, work);
                _isForPool = true;
            }
            return TryEnd();
        }
    }

    // False: the lane is to wait for a thread.
    private bool TryEnd()
    {
        if (_inbox.Count == 0)
            End();
        else
            Wait();
        return _state == State.Idle;
    }

    private void End()
    {
        _state = State.Idle;
        _since = _time.GetTimestamp();
    }

    // Holds the drain token. Once: what comes meanwhile is not this thread's, others may bring it without end.
    private void Drain(bool mayStay, bool once = false)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_inbox.Count == 0 && !handler.HasDelivery)
                {
                    End();
                    return;
                }
                (_inbox, _batch) = (_batch, _inbox);
                _isForPool = false;
            }
            foreach (var work in _batch)
                handler.Accept(work);
            _batch.Clear();
            if (!mayStay && handler.DeliveryIsLarge)
            {
                lock (_lock)
                {
                    _state = State.Waits;
                    _isForPool = true;
                }
                _threads.Queue(this);
                return;
            }
            handler.Deliver();
            if (!once)
                continue;
            lock (_lock)
            {
                if (TryEnd())
                    return;
            }
            _threads.Queue(this);
            return;
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

/// <summary>Gives lanes their threads.</summary>
internal interface ILaneThreads
{
    /// <summary>Whether others wait for one.</summary>
    bool AreBusy { get; }

    /// <summary>Runs a lane behind what waits now.</summary>
    void Queue(IThreadPoolWorkItem lane);
}

/// <summary>Those of the thread pool.</summary>
internal sealed class PoolThreads : ILaneThreads
{
    /// <summary>The only one.</summary>
    public static readonly PoolThreads Instance = new();

    /// <inheritdoc />
    public bool AreBusy => ThreadPool.PendingWorkItemCount > 0;

    /// <inheritdoc />
    public void Queue(IThreadPoolWorkItem lane) => ThreadPool.UnsafeQueueUserWorkItem(lane, preferLocal: false);
}
