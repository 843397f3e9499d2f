using System.Diagnostics;

namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>One measurement: subscribers connect, publishers publish, every delivery is checked. On one thread.</summary>
internal sealed class Run : IDisposable
{
    private const int HandshakesAtOnce = 128; // fewer than Kestrel lets wait to be accepted
    private const int MostUnderWay = 1 << 17; // publications that are remembered; a power of two
    private const long Second = 1_000_000_000;
    private const long Pulse = 10_000_000; // how long the loop sleeps at most

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(10); // nothing comes any more: what has not come is lost

    private static int s_runs;

    private readonly List<Subscriber> _subscribers = [];
    private readonly List<Publisher> _publishers = [];
    private readonly Queue<Publisher> _idle = new();
    private readonly UnderWay[] _underWay = new UnderWay[MostUnderWay];
    private readonly int[] _reach;
    private readonly DeliveryChecker _checker;
    private readonly Histogram _latency = new(), _last = new(), _acknowledged = new();
    private readonly PostRequest _request;
    private readonly string _prefix = $"load{Interlocked.Increment(ref s_runs)}-";

    private long _from = long.MaxValue, _to = long.MaxValue; // measured
    private long _changed;
    private int _ready;
    private uint _published;
    private long _completed, _answered, _refused, _closed;
    private long _deliveredWithin, _answeredWithin;
    private bool _ending;

    /// <summary>Prepares.</summary>
    /// <param name="work">What to do.</param>
    /// <param name="dialect">How the server is spoken to.</param>
    /// <param name="target">Which server.</param>
    public Run(Workload work, Dialect dialect, Target target)
    {
        (Work, Dialect, Target) = (work, dialect, target);
        _reach = new int[work.Channels];
        _checker = new DeliveryChecker(work.Subscribers * work.ChannelsEach, Math.Max(1, work.Publishers));
        _request = new PostRequest(target.PublishPort, _prefix, work.Batch, work.Bytes);
    }

    public Workload Work { get; }

    public Dialect Dialect { get; }

    public Target Target { get; }

    public EventLoop Loop { get; } = new();

    /// <summary>What a subscriber reads into.</summary>
    public byte[] Buffer { get; } = new byte[64 << 10];

    /// <summary>Connects, publishes and waits for the last delivery.</summary>
    /// <param name="cancellationToken">Stops it.</param>
    public Measured Measure(CancellationToken cancellationToken)
    {
        var (connectsPerSecond, memory, idleCpu) = Connect(cancellationToken);
        for (var i = 0; i < Work.Publishers; i++)
        {
            _publishers.Add(new Publisher(this, i));
            _idle.Enqueue(_publishers[i]);
        }
        var begins = Stopwatch.GetTimestamp();
        (_from, _to) = (begins + Nanoseconds(Work.Warmth), begins + Nanoseconds(Work.Warmth + Work.Time));
        Usage? before = null, after = null;
        _changed = begins;
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var now = Stopwatch.GetTimestamp();
            if (now >= _from)
                before ??= Usage.Read(Target.Processes);
            if (now >= _to)
                after ??= Usage.Read(Target.Processes);
            var isOver = now >= _to || (Work.Most > 0 && _published >= Work.Most) || Work.Publishers == 0;
            var isSilent = now - _changed > Nanoseconds(Silence);
            if ((isOver && _completed == _published && _answered == _published) || (isSilent && (isOver || Work.Rate == 0)))
                break;
            Loop.Turn(isOver ? Pulse : Publish(begins, now));
        }
        var ended = Math.Min(Stopwatch.GetTimestamp(), _to);
        before ??= Usage.Read(Target.Processes);
        after ??= Usage.Read(Target.Processes);
        var seconds = Math.Max(0.001, (double)(ended - _from) / Second);
        var (serverCpu, ownCpu, foreignCpu) = Usage.Between(before.Value, after.Value, seconds);
        return new Measured
        {
            ConnectsPerSecond = connectsPerSecond,
            PublicationsPerSecond = _answeredWithin / seconds,
            DeliveriesPerSecond = _deliveredWithin / seconds,
            P50 = _latency.Quantile(0.5) / 1000,
            P99 = _latency.Quantile(0.99) / 1000,
            P999 = _latency.Quantile(0.999) / 1000,
            Max = _latency.Max / 1000.0,
            LastP50 = _last.Quantile(0.5) / 1000,
            AcknowledgedP50 = _acknowledged.Quantile(0.5) / 1000,
            AcknowledgedP99 = _acknowledged.Quantile(0.99) / 1000,
            KiBPerConnection = memory / 1024.0 / Math.Max(1, Work.Subscribers),
            PeakMiB = Target.Processes.Sum(process => process.PeakWorkingSet64) / 1048576.0, // read just now
            IdleCpu = idleCpu,
            ServerCpu = serverCpu,
            GeneratorCpu = ownCpu,
            ForeignCpu = foreignCpu,
            Published = _published,
            Refused = _refused,
            Lost = _checker.Lost,
            Duplicated = _checker.Duplicated,
            Reordered = _checker.Reordered,
            Misrouted = _checker.Misrouted,
            Closed = _closed,
        };
    }

    /// <summary>A channel's name.</summary>
    public string NameOf(int channel) => PostRequest.NameOf(_prefix, channel);

    /// <summary>All subscriptions of a connection have been confirmed.</summary>
    public void Ready(Subscriber subscriber)
    {
        _ready++;
        if (subscriber.Index >= Work.Deaf)
            Reach(subscriber, 1);
    }

    /// <summary>The server has ended a connection.</summary>
    public void Ended(Subscriber subscriber)
    {
        if (_ending)
            return;
        if (!subscriber.IsReady)
            throw new InvalidOperationException($"The server ended a connection before it was subscribed.");
        _closed++;
        Reach(subscriber, -1);
    }

    /// <summary>A subscriber got a message, with any number of publications.</summary>
    public void Deliver(Subscriber subscriber, ReadOnlySpan<byte> message)
    {
        var now = Stopwatch.GetTimestamp();
        _changed = now;
        while (PostRequest.TryFind(ref message, out var number))
        {
            ref var publication = ref _underWay[number & (MostUnderWay - 1)];
            var own = subscriber.OwnOf(publication.Channel);
            if (number >= _published || publication.Number != number || own >= Work.ChannelsEach)
            {
                _checker.Misroute();
                continue;
            }
            if (!_checker.Take(subscriber.Index * Work.ChannelsEach + own, publication.Publisher, publication.Sequence))
                continue;
            if (now >= _from && now < _to)
                _deliveredWithin++;
            var isMeasured = publication.At >= _from && publication.At < _to;
            if (isMeasured)
                _latency.Add(now - publication.At);
            if (++publication.Received != publication.Reach)
                continue;
            _completed++;
            if (isMeasured)
                _last.Add(now - publication.At);
        }
    }

    /// <summary>A request was answered.</summary>
    public void Answer(Publisher publisher, bool accepted, long sentAt)
    {
        var now = Stopwatch.GetTimestamp();
        _changed = now;
        _answered += Work.Batch;
        if (!accepted)
            _refused += Work.Batch;
        if (now >= _from && now < _to)
        {
            _answeredWithin += Work.Batch;
            _acknowledged.Add(now - sentAt);
        }
        _idle.Enqueue(publisher);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ending = true;
        _publishers.ForEach(publisher => publisher.Dispose());
        _subscribers.ForEach(subscriber => subscriber.Dispose());
        Loop.Dispose();
    }

    private (double PerSecond, long Memory, double IdleCpu) Connect(CancellationToken cancellationToken)
    {
        var before = ServerMemory();
        var began = Stopwatch.GetTimestamp();
        while (_ready < Work.Subscribers)
        {
            cancellationToken.ThrowIfCancellationRequested();
            while (_subscribers.Count < Work.Subscribers && _subscribers.Count - _ready < HandshakesAtOnce)
            {
                _subscribers.Add(new Subscriber(this, _subscribers.Count));
            }
            Loop.Turn(Pulse);
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new TimeoutException($"Waited {Patience.TotalSeconds:F0} s for {Work.Subscribers} subscriptions; {_ready} were confirmed.");
        }
        var perSecond = Work.Subscribers / Stopwatch.GetElapsedTime(began).TotalSeconds;
        var cpu = Target.Processes.Sum(Usage.TimeOf);
        for (var until = Stopwatch.GetTimestamp() + Nanoseconds(Work.Idle); Stopwatch.GetTimestamp() < until;)
            Loop.Turn(Pulse);
        var idleCpu = Work.Idle > TimeSpan.Zero ? (Target.Processes.Sum(Usage.TimeOf) - cpu) / Work.Idle.TotalSeconds : 0;
        return (perSecond, Math.Max(0, ServerMemory() - before), idleCpu);
    }

    private void Reach(Subscriber subscriber, int change)
    {
        for (var own = 0; own < Work.ChannelsEach; own++)
            _reach[subscriber.ChannelOf(own)] += change;
    }

    // Sends what is due, and says how long to sleep then.
    private long Publish(long begins, long now)
    {
        if (Work.Rate > 0)
        {
            var due = begins + (long)(_published * Second / Work.Rate);
            while (due <= now && due < _to && _idle.Count > 0 && (Work.Most == 0 || _published < Work.Most))
            {
                Send(due, now);
                due = begins + (long)(_published * Second / Work.Rate);
            }
            return _idle.Count > 0 ? Math.Clamp(due - Stopwatch.GetTimestamp(), 1, Pulse) : Pulse;
        }
        while (_idle.Count > 0 && (Work.Window == 0 || _published - _completed + Work.Batch <= Work.Window))
        {
            now = Stopwatch.GetTimestamp();
            Send(now, now);
        }
        return Pulse;
    }

    private void Send(long at, long now)
    {
        var publisher = _idle.Dequeue();
        for (var i = 0; i < Work.Batch; i++)
        {
            var number = _published++;
            var channel = (int)(number % (uint)Work.Channels);
            var reach = _reach[channel];
            _underWay[number & (MostUnderWay - 1)] = new UnderWay(number, channel, publisher.Index, publisher.NextOn(channel), at, reach);
            _checker.Expect(reach);
            if (reach == 0)
                _completed++;
            _request.Set(i, channel, number);
        }
        publisher.Send(_request.Bytes, now);
    }

    private long ServerMemory() => Target.Processes.Sum(process =>
    {
        process.Refresh();
        return process.WorkingSet64;
    });

    private static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;

    private record struct UnderWay(uint Number, int Channel, int Publisher, uint Sequence, long At, int Reach)
    {
        public int Received { get; set; }
    }
}
