using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Delivery;

public sealed class FanOutWorkerTests
{
    [Fact]
    public void A_small_delivery_is_done_on_the_thread_that_brings_it()
    {
        var lane = new Lane(new Threads());

        lane.Pass("small 1");
        lane.Pass("small 2");

        Assert.Equal([("small 1", true), ("small 2", true)], lane.Done);
    }

    [Fact]
    public async Task What_is_more_than_that_is_done_by_the_pool()
    {
        var lane = new Lane();

        lane.Pass("large");

        await lane.Has("large");
        Assert.Equal([("large", false)], lane.Done);
    }

    [Fact]
    public async Task What_waits_in_the_lane_is_done_before_and_not_on_the_thread_that_passes_something()
    {
        var lane = new Lane();
        lane.Worker.Post("waiting");

        lane.Pass("small");

        await lane.Has("waiting", "small");
        Assert.Equal([("waiting", false), ("small", false)], lane.Done);
    }

    [Fact]
    public async Task What_comes_while_a_small_delivery_is_done_follows_it_and_goes_to_the_pool()
    {
        var lane = new Lane();
        lane.Meanwhile = () =>
        {
            lane.Worker.Post("second");
            lane.Worker.Kick(inline: true);
            lane.Pass("third");
        };

        lane.Pass("small");

        await lane.Has("small", "second", "third");
        Assert.Equal([("small", true), ("second", false), ("third", false)], lane.Done);
    }

    [Fact]
    public async Task What_comes_while_the_handler_declines_stays_behind_what_it_declined()
    {
        var lane = new Lane();
        lane.Meanwhile = () => lane.Pass("small");

        lane.Pass("large");

        await lane.Has("large", "small");
    }

    [Fact]
    public async Task What_comes_while_it_is_held_is_done_behind_it_and_together()
    {
        var lane = new Lane();
        lane.Worker.Hold();
        lane.Pass("small 1");
        lane.Pass("small 2");
        Assert.Empty(lane.Done);

        lane.Worker.Release();

        await lane.Has("small 1", "small 2");
        Assert.Equal([("small 1", false), ("small 2", false)], lane.Done);
        Assert.Equal(1, lane.Deliveries);
    }

    [Fact]
    public async Task Who_releases_it_does_not_wait_for_another_who_holds_it()
    {
        var lane = new Lane();
        lane.Worker.Hold();
        lane.Worker.Hold();
        lane.Pass("small");

        lane.Worker.Release();

        await lane.Has("small");
    }

    [Fact]
    public void While_others_wait_for_a_thread_what_follows_soon_is_collected_until_somebody_comes_later()
    {
        var lane = new Lane(new Threads { AreBusy = true });
        lane.Pass("small 1");
        lane.Time.Advance(TimeSpan.FromMicroseconds(1));
        lane.Pass("small 2");
        lane.Time.Advance(FanOutWorker.Span - TimeSpan.FromMicroseconds(1));
        lane.Pass("small 3");
        Assert.Equal([("small 1", true)], lane.Done);

        lane.Time.Advance(TimeSpan.FromMicroseconds(1));
        lane.Pass("small 4");

        Assert.Equal([("small 1", true), ("small 2", true), ("small 3", true), ("small 4", true)], lane.Done);
        Assert.Equal(2, lane.Deliveries);
        lane.Pass("small 5");
        lane.Threads!.Run(1); // asked for when small 2 came
        Assert.Equal(("small 5", false), lane.Done[^1]);
        lane.Threads.Run(1);
        Assert.Equal((5, 3), (lane.Done.Length, lane.Deliveries));
    }

    [Fact]
    public void What_is_collected_and_nobody_follows_is_done_by_the_pool()
    {
        var lane = Collecting();

        lane.Threads!.Run(1);

        Assert.Equal([("small 1", true), ("small 2", false)], lane.Done);
        lane.Time.Advance(FanOutWorker.Span);
        lane.Pass("small 3");
        Assert.Equal(("small 3", true), lane.Done[^1]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_is_more_than_was_passed_waits_for_the_pool_however_long(bool isHeld)
    {
        var lane = Collecting();
        if (isHeld)
            lane.Worker.Hold();
        else
            lane.Worker.Post("posted");
        lane.Time.Advance(FanOutWorker.Span);

        lane.Pass("small 3");

        Assert.Equal([("small 1", true)], lane.Done);
        lane.Threads!.Run(1);
        Assert.Equal(["small 1", "small 2", .. isHeld ? Array.Empty<string>() : ["posted"], "small 3"], lane.Done.Select(done => done.Work));
        Assert.Equal(2, lane.Deliveries);

        if (isHeld)
            lane.Worker.Release();
        lane.Pass("small 4");
        lane.Time.Advance(FanOutWorker.Span);
        lane.Pass("small 5"); // that is over
        Assert.Equal([("small 4", true), ("small 5", true)], lane.Done[^2..]);
    }

    [Fact]
    public void Who_comes_later_delivers_once_and_leaves_what_comes_meanwhile_to_the_pool()
    {
        var lane = Collecting();
        lane.Time.Advance(FanOutWorker.Span);
        lane.WhileDelivering = () => lane.Pass("small 4");

        lane.Pass("small 3");

        Assert.Equal([("small 1", true), ("small 2", true), ("small 3", true)], lane.Done);
        lane.Threads!.Run(2);
        Assert.Equal(("small 4", false), lane.Done[^1]);
    }

    [Fact]
    public void A_thread_that_comes_when_another_has_begun_does_nothing()
    {
        var lane = Collecting();
        lane.Time.Advance(FanOutWorker.Span);
        lane.Pass("small 3");
        lane.Time.Advance(FanOutWorker.Span);
        var then = 0;
        lane.Meanwhile = () =>
        {
            lane.Pass("small 5");
            lane.Threads!.Run(1);
            then = lane.Done.Length;
        };

        lane.Pass("small 4");

        Assert.Equal((3, 4), (then, lane.Done.Length));
        lane.Threads!.Run(1);
        Assert.Equal(["small 4", "small 5"], lane.Done[^2..].Select(done => done.Work));
    }

    [Fact]
    public void What_the_handler_declines_waits_for_the_pool_however_long()
    {
        var lane = new Lane(new Threads { AreBusy = true });
        lane.Pass("large");
        lane.Time.Advance(FanOutWorker.Span);

        lane.Pass("small");

        Assert.Empty(lane.Done);
        lane.Threads!.Run(1);
        Assert.Equal([("large", false), ("small", false)], lane.Done);
    }

    // One delivery is done, and the next waits for a thread.
    private static Lane Collecting()
    {
        var lane = new Lane(new Threads { AreBusy = true });
        lane.Pass("small 1");
        lane.Pass("small 2");
        return lane;
    }

    // Runs nothing by itself.
    private sealed class Threads : ILaneThreads
    {
        private readonly Queue<IThreadPoolWorkItem> _queue = new();

        public bool AreBusy { get; init; }

        public void Queue(IThreadPoolWorkItem lane) => _queue.Enqueue(lane);

        public void Run(int count)
        {
            for (var n = 0; n < count; n++)
                _queue.Dequeue().Execute();
        }
    }

    private sealed class Lane : ILaneHandler
    {
        [ThreadStatic]
        private static bool t_passes;

        private readonly List<(string, bool)> _done = [];
        private readonly List<string> _collected = [];

        public Lane(Threads? threads = null) => (Threads, Worker) = (threads, new FanOutWorker(this, threads, Time));

        public Threads? Threads { get; }

        public FakeTimeProvider Time { get; } = new();

        public FanOutWorker Worker { get; }

        public Action? Meanwhile { get; set; }

        public Action? WhileDelivering { get; set; }

        public (string Work, bool ByWhoPassed)[] Done
        {
            get
            {
                lock (_done)
                    return [.. _done];
            }
        }

        public int Deliveries { get; private set; }

        public bool HasDelivery => _collected.Count > 0;

        public bool DeliveryIsLarge => false;

        public void Pass(string work)
        {
            var outer = t_passes;
            t_passes = true;
            Worker.Pass(work);
            t_passes = outer;
        }

        public Task Has(params string[] work) => Until.Equal(string.Join(", ", work), "what the lane has done", () => string.Join(", ", Done.Select(done => done.Work)));

        public bool TryDeliver(object work)
        {
            (var meanwhile, Meanwhile) = (Meanwhile, null);
            meanwhile?.Invoke();
            if (work is not string text || !text.StartsWith("small", StringComparison.Ordinal))
                return false;
            Accept(work);
            Deliver();
            return true;
        }

        public void Accept(object work) => _collected.Add((string)work);

        public void Deliver()
        {
            lock (_done)
            {
                _done.AddRange(_collected.Select(work => (work, t_passes)));
                Deliveries++;
            }
            _collected.Clear();
            (var meanwhile, WhileDelivering) = (WhileDelivering, null);
            meanwhile?.Invoke();
        }
    }
}
