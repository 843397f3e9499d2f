using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Channels;
using OrleansNotify.Tests.Delivery;

namespace OrleansNotify.Tests.Publishing;

public sealed class ChannelPublisherTests : IDisposable
{
    private readonly ScriptedChannels _channels = new();
    private readonly HereChannels _here = new();
    private readonly FakeTimeProvider _time = new();
    private readonly NotifyMetrics _metrics = TestMetrics.Create();
    private readonly ChannelPublisher _publisher;

    public ChannelPublisherTests()
    {
        var namespaces = new ChannelNamespaces { Namespaces = { ["durable"] = new NamespaceOptions { Class = ChannelClass.Durable } } };
        _publisher = new ChannelPublisher(_channels, namespaces, _metrics, _time, NullLogger<ChannelPublisher>.Instance, _here);
    }

    public void Dispose() => _publisher.Dispose();

    [Fact]
    public async Task The_first_goes_at_once_and_what_comes_meanwhile_travels_together_in_order()
    {
        var first = new TaskCompletionSource<PublishResult[]>();
        _channels.Answer = (place, channel, items) => place == 0 ? new(first.Task) : new(_channels.Number(channel, items));

        var answers = Enumerable.Range(0, 300).Select(n => Publish("a", n)).ToList();
        Assert.Equal([1], _channels.Calls.Select(c => c.Items.Length));
        first.SetResult(_channels.Number("a", _channels.Calls.First().Items));

        var results = await Task.WhenAll(answers);
        Assert.Equal([1, 256, 43], _channels.Calls.Select(c => c.Items.Length));
        Assert.Equal(Enumerable.Range(1, 300).Select(n => (ulong)n), results.Select(r => r.Position.Offset));
        Assert.Equal(Enumerable.Range(0, 300), _channels.Calls.SelectMany(c => c.Items).Select(NumberIn));
        Assert.Equal(300, _metrics.TotalPublished);
    }

    [Fact]
    public async Task What_lives_here_is_published_within_the_call_and_the_rest_by_its_grain()
    {
        _here.Answer = (channel, items) => channel == "here" ? _channels.Number(channel, items) : null;

        var here = _publisher.Publish("here", Draft("1"));

        Assert.True(here.IsCompleted);
        Assert.Equal(1UL, (await here).Position.Offset);
        Assert.Empty(_channels.Calls);
        Assert.False(_publisher.IsSweeping);
        Assert.Equal(1UL, (await Publish("there", 1)).Position.Offset);
        Assert.Equal("there", Assert.Single(_channels.Calls).Channel);
        Assert.Equal((2, 0), (_metrics.TotalPublished, _publisher.Lanes));
    }

    [Fact]
    public async Task What_fails_here_is_unknown_and_holds_nobody_up()
    {
        _here.Answer = (_, _) => throw new InvalidOperationException("test");
        Assert.Equal(PublishRefusal.Unknown, (await Publish("here", 1)).Refusal);
        Assert.Equal(0, _publisher.Lanes);

        _here.Answer = _channels.Number;
        Assert.Equal(1UL, (await Publish("here", 2)).Position.Offset);
    }

    [Fact]
    public async Task What_fails_here_with_a_key_or_is_not_accepted_is_published_once_more()
    {
        List<string> log = [];
        _here.Answer = (channel, items) =>
        {
            log.Add($"{NumberIn(items.Single())}");
            return log.Count switch
            {
                1 => throw new InvalidOperationException("test"),
                3 => ScriptedChannels.Refuse(items, PublishRefusal.NotAccepted),
                _ => _channels.Number(channel, items),
            };
        };

        Assert.Equal(1UL, (await _publisher.Publish("here", Some.Draft("1", "key"))).Position.Offset);
        Assert.Equal(2UL, (await Publish("here", 2)).Position.Offset);

        Assert.Equal(["1", "1", "2", "2"], log);
        Assert.Equal((2, 0), (_metrics.TotalPublished, _publisher.Lanes));
    }

    [Fact]
    public async Task What_lives_here_does_not_overtake_what_waits_in_a_lane()
    {
        var elsewhere = new TaskCompletionSource<PublishResult[]>();
        _channels.Answer = (_, _, _) => new(elsewhere.Task);
        var first = Publish("a", 1);
        _here.Answer = _channels.Number; // it has come here

        var second = Publish("a", 2);
        Assert.False(second.IsCompleted);
        Assert.True(Publish("b", 1).IsCompleted);
        elsewhere.SetResult(_channels.Number("a", [Draft("1")]));

        Assert.Equal([1UL, 2UL], (await Task.WhenAll(first, second)).Select(r => r.Position.Offset));
    }

    [Fact]
    public async Task Repeats_and_refusals_here_are_not_counted_as_published()
    {
        PublishResult[] answers = [new(PublishRefusal.None, "evt_x", default, Repeated: true), new(PublishRefusal.KeyReused, null, default)];
        foreach (var answer in answers)
        {
            _here.Answer = (_, _) => [answer];
            Assert.Equal(answer, await Publish("here", 1));
        }

        Assert.Equal(0, _metrics.TotalPublished);
    }

    [Fact]
    public async Task Whoever_published_here_goes_on_at_once_although_others_wait_behind()
    {
        _here.AreBusy = true;
        Task<PublishResult>[] behind = [];
        List<int> published = [];
        var caller = Environment.CurrentManagedThreadId; // 0: it has gone on
        var byCaller = 0;
        _here.Answer = (channel, items) =>
        {
            lock (published)
                published.AddRange(items.Select(NumberIn));
            if (Volatile.Read(ref caller) == Environment.CurrentManagedThreadId)
                byCaller++;
            if (behind.Length == 0)
                behind = [Publish(channel, 2), Publish(channel, 3)];
            return _channels.Number(channel, items);
        };

        var first = _publisher.Publish("a", Draft("1"));
        Volatile.Write(ref caller, 0);

        Assert.True(first.IsCompleted);
        Assert.Equal(1, byCaller);
        Assert.Equal([2UL, 3UL], (await Task.WhenAll(behind)).Select(r => r.Position.Offset));
        Assert.Equal([1, 2, 3], published);
        await Until.Equal(0, "lanes", () => _publisher.Lanes);
    }

    [Fact]
    public async Task What_is_posted_together_travels_together()
    {
        var answers = PublishTogether(6);

        Assert.Equal([1UL, 1UL, 2UL, 2UL, 3UL, 3UL], (await answers.WaitAsync(Until.DefaultTimeout, TimeProvider.System)).Select(r => r.Position.Offset));
        Assert.Equal([("odd", "1,3,5"), ("even", "2,4,6")], _channels.Calls.Select(c => (c.Channel, string.Join(',', c.Items.Select(NumberIn)))));
        await Until.Equal(0, "lanes", () => _publisher.Lanes);
    }

    [Fact]
    public async Task What_is_posted_together_to_channels_that_live_here_is_published_at_once()
    {
        List<string> published = [];
        _here.Answer = (channel, items) =>
        {
            published.Add($"{channel} {string.Join(',', items.Select(NumberIn))}");
            return _channels.Number(channel, items);
        };

        var answers = PublishTogether(6);

        Assert.True(answers.IsCompleted);
        Assert.Equal([1UL, 1UL, 2UL, 2UL, 3UL, 3UL], (await answers).Select(r => r.Position.Offset));
        Assert.Equal(["odd 1,3,5", "even 2,4,6"], published);
        Assert.DoesNotContain(true, _here.MayWait); // it would have a lane
        Assert.Equal((6, 0), (_metrics.TotalPublished, _publisher.Lanes));
    }

    [Theory]
    [InlineData(ChannelLanes.MaxItemsPerCall + 1, 1, new[] { ChannelLanes.MaxItemsPerCall, 1 })]
    [InlineData(3, ChannelLanes.MaxBytesPerCall / 2, new[] { 2, 1 })]
    public async Task What_is_posted_together_is_published_in_calls_of_bounded_size_here_too(int count, int bytes, int[] calls)
    {
        ConcurrentQueue<int> published = [];
        _here.Answer = (channel, items) =>
        {
            published.Enqueue(items.Length);
            return _channels.Number(channel, items);
        };
        var batch = new PostedBatch(count);
        foreach (var _ in Enumerable.Range(0, count))
            batch.Add(new PostedEvent("a", Draft(new string('1', bytes))));

        var answers = await _publisher.Publish(batch).WaitAsync(Until.DefaultTimeout, TimeProvider.System);

        Assert.Equal(Enumerable.Range(1, count).Select(n => (ulong)n), answers.Select(r => r.Position.Offset));
        Assert.Equal(calls, published);
    }

    [Fact]
    public async Task What_is_posted_together_and_fails_here_is_answered_each()
    {
        _here.Answer = (channel, items) => channel == "odd" ? throw new InvalidOperationException() : ScriptedChannels.Refuse(items, PublishRefusal.KeyReused);

        var answers = PublishTogether(3);

        Assert.Equal([PublishRefusal.Unknown, PublishRefusal.KeyReused, PublishRefusal.Unknown], (await answers.WaitAsync(Until.DefaultTimeout, TimeProvider.System)).Select(r => r.Refusal));
        Assert.Empty(_channels.Calls);
    }

    [Fact]
    public void Soon_after_some_were_answered_together_the_first_waits_for_the_others()
    {
        const long Rush = 1000;
        var lanes = new ChannelLanes(Rush);
        var first = Add(0)!;
        Assert.Single(first.Items);
        Assert.Null(Add(1));
        Assert.Null(Add(2));
        Assert.False(lanes.TryEnd(first)); // two wait behind it
        Assert.True(lanes.TryComplete(first, 4, out var both));
        Assert.Equal(2, both!.Items.Length);
        var gathering = lanes.TryGather(both, 5)!;
        Assert.True(lanes.TryComplete(gathering.Call, 6, out var none));
        Assert.Null(none);

        var collecting = Add(Rush + 4)!;
        Assert.Empty(collecting.Items);
        Assert.Null(Add(Rush + 4));
        Assert.True(lanes.TryComplete(collecting, Rush + 4, out both));
        Assert.Equal(2, both!.Items.Length);
        Assert.True(lanes.TryEnd(both));

        var alone = Add(Rush + 5)!;
        Assert.Single(alone.Items);
        Assert.True(lanes.TryEnd(alone));
        Assert.False(lanes.TryEnd(alone)); // it is gone
        Assert.Equal(0, lanes.Count);

        PublishCall? Add(long at)
        {
            Assert.True(lanes.TryAdd("a", new PendingPublication(Draft("1"), at), isOfMany: false, out var call));
            return call;
        }
    }

    [Fact]
    public async Task A_call_carries_no_more_than_a_mebibyte()
    {
        var first = new TaskCompletionSource<PublishResult[]>();
        _channels.Answer = (place, channel, items) => place == 0 ? new(first.Task) : new(_channels.Number(channel, items));
        var large = Draft($"\"{new string('x', 600 << 10)}\"");

        var answers = Enumerable.Range(0, 3).Select(_ => _publisher.Publish("a", large).AsTask()).ToList();
        first.SetResult(_channels.Number("a", [large]));
        await Task.WhenAll(answers);

        Assert.Equal([1, 1, 1], _channels.Calls.Select(c => c.Items.Length));
    }

    [Fact]
    public async Task Channels_do_not_wait_for_one_another_and_leave_nothing_behind()
    {
        var hung = new TaskCompletionSource<PublishResult[]>();
        _channels.Answer = (_, channel, items) => channel == "hung" ? new(hung.Task) : new(_channels.Number(channel, items));
        var waiting = Publish("hung", 1);

        for (var n = 0; n < 10_000; n++)
            Assert.Equal(PublishRefusal.None, (await Publish($"once-{n}", n)).Refusal);

        Assert.Equal(1, _publisher.Lanes);
        hung.SetResult(_channels.Number("hung", [Draft("1")]));
        await waiting;
        Assert.Equal(0, _publisher.Lanes);
    }

    [Fact]
    public async Task A_call_without_answer_is_unknown_after_two_seconds_and_those_behind_it_go_on()
    {
        var hung = new TaskCompletionSource<PublishResult[]>();
        _channels.Answer = (place, channel, items) => place == 0 ? new(hung.Task) : new(_channels.Number(channel, items));
        var first = Publish("a", 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        var second = Publish("a", 2);
        Assert.False(first.IsCompleted);

        _time.Advance(TimeSpan.FromSeconds(1));

        Assert.Equal(PublishRefusal.Unknown, (await first).Refusal);
        Assert.Equal(1UL, (await second).Position.Offset);
        hung.SetResult(_channels.Number("a", [Draft("1")])); // too late: nobody is answered twice, nothing is sent again
        Assert.Equal(2, _channels.Calls.Count);
        Assert.Equal(0, _publisher.Lanes);
    }

    [Fact]
    public async Task Nothing_ticks_while_no_call_is_under_way_and_the_next_one_has_its_deadline_all_the_same()
    {
        var (called, hung) = (new TaskCompletionSource<PublishResult[]>(), new TaskCompletionSource<PublishResult[]>());
        _channels.Answer = (place, channel, items) => place switch { 0 => new(_channels.Number(channel, items)), 1 => new(called.Task), _ => new(hung.Task) };
        await Publish("a", 0);
        Assert.False(_publisher.IsSweeping); // answered within the call
        var first = Publish("a", 1);
        Assert.True(_publisher.IsSweeping);
        called.SetResult(_channels.Number("a", [Draft("1")]));
        await first;
        _time.Advance(TimeSpan.FromMilliseconds(250));
        Assert.False(_publisher.IsSweeping);

        var second = Publish("a", 2);
        _time.Advance(TimeSpan.FromSeconds(1.75));
        Assert.True(_publisher.IsSweeping);
        Assert.False(second.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(250));

        Assert.Equal(PublishRefusal.Unknown, (await second).Refusal);
        _time.Advance(TimeSpan.FromMilliseconds(250));
        Assert.False(_publisher.IsSweeping);
    }

    [Fact]
    public async Task What_waited_two_seconds_behind_a_hung_call_was_surely_not_accepted()
    {
        _channels.Answer = (_, _, _) => new(new TaskCompletionSource<PublishResult[]>().Task);
        var first = Publish("a", 1);
        var second = Publish("a", 2);

        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Equal(PublishRefusal.Unknown, (await first).Refusal);
        Assert.Equal(PublishRefusal.NotAccepted, (await second).Refusal);
        Assert.Single(_channels.Calls);
        Assert.Equal(0, _publisher.Lanes);
    }

    [Fact]
    public async Task Beyond_the_bound_of_a_lane_nothing_more_is_accepted()
    {
        _channels.Answer = (_, _, _) => new(new TaskCompletionSource<PublishResult[]>().Task);
        for (var n = 0; n <= ChannelLanes.MaxWaitingItems; n++)
            Assert.False(Publish("a", n).IsCompleted);

        Assert.Equal(PublishRefusal.NotAccepted, (await Publish("a", 0)).Refusal);
    }

    public static TheoryData<Exception> NeverBegun => new(
        new GatewayTooBusyException(), new LimitExceededException("too many"), new SiloUnavailableException());

    [Theory, MemberData(nameof(NeverBegun))]
    public async Task A_call_that_no_grain_can_have_seen_is_made_again_until_it_gets_through(Exception failure)
    {
        _channels.Answer = (place, channel, items) => place < 8 ? ValueTask.FromException<PublishResult[]>(failure) : new(_channels.Number(channel, items));
        var published = Publish("a", 1);

        await Until.True("it was tried again", () => { _time.Advance(TimeSpan.FromMilliseconds(20)); return published.IsCompleted; });

        Assert.Equal(1UL, (await published).Position.Offset);
        Assert.Equal(9, _channels.Calls.Count);
    }

    [Theory, MemberData(nameof(NeverBegun))]
    public async Task Failing_for_as_long_as_the_publisher_waits_is_told_as_not_accepted(Exception failure)
    {
        _channels.Answer = (_, _, _) => ValueTask.FromException<PublishResult[]>(failure);
        var published = Publish("a", 1);

        await Until.True("it was tried again", () => { _time.Advance(TimeSpan.FromMilliseconds(20)); return published.IsCompleted; });

        Assert.Equal(PublishRefusal.NotAccepted, (await published).Refusal);
        Assert.Equal(9, _channels.Calls.Count);
    }

    [Theory]
    [InlineData(4, PublishRefusal.None)]
    [InlineData(5, PublishRefusal.NotAccepted)]
    public async Task A_call_the_grain_did_not_accept_is_made_again_four_times(int refusals, PublishRefusal expected)
    {
        _channels.Answer = (place, channel, items) => new(place < refusals ? ScriptedChannels.Refuse(items, PublishRefusal.NotAccepted) : _channels.Number(channel, items));
        var published = Publish("a", 1);

        await Until.True("it was tried again", () => { _time.Advance(TimeSpan.FromMilliseconds(20)); return published.IsCompleted; });

        Assert.Equal(expected, (await published).Refusal);
        Assert.Equal(5, _channels.Calls.Count);
    }

    public static TheoryData<Exception> PerhapsBegun => new(
        new SiloUnavailableException("The target silo became unavailable for message"), new TimeoutException(), new InvalidOperationException("of the grain"));

    [Theory, MemberData(nameof(PerhapsBegun))]
    public async Task A_failure_that_may_have_come_after_acceptance_is_unknown_and_not_repeated(Exception failure)
    {
        _channels.Answer = (_, _, _) => ValueTask.FromException<PublishResult[]>(failure);

        Assert.Equal(PublishRefusal.Unknown, (await Publish("a", 1)).Refusal);

        Assert.Single(_channels.Calls);
        Assert.Equal(0, _publisher.Lanes);
    }

    [Fact]
    public async Task A_call_of_unknown_outcome_is_made_again_when_all_its_items_have_keys()
    {
        _channels.Answer = (place, channel, items) => place == 0 ? ValueTask.FromException<PublishResult[]>(new SiloUnavailableException("the silo went")) : new(_channels.Number(channel, items));
        var published = _publisher.Publish("a", PublicationDraft.FromChecked("1"u8.ToArray(), PayloadShape.Value, null, null, null, "k", null)).AsTask();

        await Until.True("it was tried again", () => { _time.Advance(TimeSpan.FromMilliseconds(20)); return published.IsCompleted; });

        Assert.Equal(1UL, (await published).Position.Offset);
        Assert.Equal(2, _channels.Calls.Count);
    }

    [Fact]
    public async Task Refused_each_time_and_waiting_to_be_sent_again_when_the_time_is_up_is_surely_not_accepted()
    {
        var first = new TaskCompletionSource<PublishResult[]>();
        _channels.Answer = (place, _, _) => place == 0 ? new(first.Task) : ValueTask.FromException<PublishResult[]>(new LimitExceededException("too many"));
        var published = Publish("a", 1);
        _time.Advance(TimeSpan.FromSeconds(1));
        first.SetException(new LimitExceededException("too many"));

        await Until.True("the time is up", () => { _time.Advance(TimeSpan.FromMilliseconds(10)); return published.IsCompleted; });

        Assert.Equal(PublishRefusal.NotAccepted, (await published).Refusal);
        var calls = _channels.Calls.Count;
        Assert.InRange(calls, 2, 8); // nine without the deadline

        // And never will be: while another publication is tried nine times, this one would come to its next try.
        var other = Publish("b", 1);
        await Until.True("the other one is given up", () => { _time.Advance(TimeSpan.FromMilliseconds(10)); return other.IsCompleted; });
        Assert.Equal(calls, _channels.Calls.Count(call => call.Channel == "a"));
    }

    [Fact]
    public async Task What_was_once_of_unknown_outcome_stays_so_when_it_is_refused_afterwards()
    {
        _channels.Answer = (place, _, _) => ValueTask.FromException<PublishResult[]>(place == 0 ? new SiloUnavailableException("the silo went") : new LimitExceededException("too many"));
        var published = _publisher.Publish("a", PublicationDraft.FromChecked("1"u8.ToArray(), PayloadShape.Value, null, null, null, "k", null)).AsTask();

        await Until.True("it was tried again", () => { _time.Advance(TimeSpan.FromMilliseconds(20)); return published.IsCompleted; });

        Assert.Equal(PublishRefusal.Unknown, (await published).Refusal);
    }

    [Fact]
    public async Task An_unknown_namespace_costs_no_call()
    {
        Assert.Equal(PublishRefusal.UnknownNamespace, (await Publish("nowhere:a", 1)).Refusal);
        Assert.Empty(_channels.Calls);
    }

    [Fact]
    public async Task Cancelling_stops_the_waiting_and_not_the_publication()
    {
        var hung = new TaskCompletionSource<PublishResult[]>();
        _channels.Answer = (_, _, _) => new(hung.Task);
        using var cancel = new CancellationTokenSource();
        var published = _publisher.Publish("a", Draft("1"), cancel.Token).AsTask();

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => published);
        hung.SetResult(_channels.Number("a", [Draft("1")]));
        await Until.Equal((1L, 0), "published, and lanes left", () => (_metrics.TotalPublished, _publisher.Lanes)); // it goes on, on a thread of its own
    }

    [Fact]
    public async Task Repeats_and_refusals_are_not_counted_as_published()
    {
        _channels.Answer = (place, channel, items) => new(place == 0
            ? [new PublishResult(PublishRefusal.None, "evt_x", default, Repeated: true)]
            : ScriptedChannels.Refuse(items, PublishRefusal.KeyReused));

        Assert.True((await Publish("a", 1)).Repeated);
        Assert.Equal(PublishRefusal.KeyReused, (await Publish("a", 1)).Refusal);

        Assert.Equal(0, _metrics.TotalPublished);
    }

    [Fact]
    public async Task Under_load_every_publisher_gets_its_own_answer_in_its_own_order_and_calls_of_a_channel_never_overlap()
    {
        var inFlight = new ConcurrentDictionary<string, int>();
        _channels.Answer = async (_, channel, items) =>
        {
            Assert.Equal(1, inFlight.AddOrUpdate(channel, 1, (_, n) => n + 1));
            await Task.Yield();
            // The answer's id says which item it belongs to.
            var numbered = _channels.Number(channel, items).Select((r, i) => r with { Id = $"{NumberIn(items[i])}" }).ToArray();
            inFlight.AddOrUpdate(channel, 0, (_, n) => n - 1);
            return numbered;
        };

        await Task.WhenAll(Enumerable.Range(0, 16).Select(publisher => Task.Run(async () =>
        {
            var last = new ulong[3];
            for (var n = 0; n < 2000; n++)
            {
                var number = (publisher * 10_000) + n;
                var result = await Publish($"c{n % 3}", number);
                Assert.Equal($"{number}", result.Id);
                Assert.True(result.Position.Offset > last[n % 3], "offsets rise in the order one publisher sent");
                last[n % 3] = result.Position.Offset;
            }
        })));

        Assert.Equal(32_000, _metrics.TotalPublished);
        await Until.Equal(0, "lanes", () => _publisher.Lanes);
    }

    [Fact]
    public async Task Publishers_of_a_durable_channel_that_were_answered_together_share_the_next_call()
    {
        await FiveAnsweredTogetherAfter(TimeSpan.FromMilliseconds(8), "durable:a");

        var again = Enumerable.Range(10, 4).Select(n => Publish("durable:a", n)).ToList();
        Assert.Equal(2, _channels.Calls.Count); // the fifth may come
        again.Add(Publish("durable:a", 14));
        await Task.WhenAll(again);

        Assert.Equal([1, 5, 5], _channels.Calls.Select(c => c.Items.Length));
        Assert.Equal(Enumerable.Range(10, 5), _channels.Calls.Last().Items.Select(NumberIn));
    }

    [Fact]
    public async Task They_are_waited_for_a_quarter_of_what_the_call_took()
    {
        await FiveAnsweredTogetherAfter(TimeSpan.FromMilliseconds(8), "durable:a");
        var again = Enumerable.Range(10, 3).Select(n => Publish("durable:a", n)).ToList();

        _time.Advance(TimeSpan.FromMilliseconds(1.9));
        Assert.Equal(2, _channels.Calls.Count);
        _time.Advance(TimeSpan.FromMilliseconds(0.1));

        await Task.WhenAll(again);
        Assert.Equal([1, 5, 3], _channels.Calls.Select(c => c.Items.Length));
    }

    [Fact]
    public async Task Nobody_is_waited_for_in_vain_for_more_than_ten_milliseconds()
    {
        await FiveAnsweredTogetherAfter(TimeSpan.FromSeconds(1), "durable:a");
        Assert.Equal(1, _publisher.Lanes);

        _time.Advance(TimeSpan.FromMilliseconds(10));

        await Until.Equal(0, "lanes", () => _publisher.Lanes);
        Assert.Equal(2, _channels.Calls.Count);
    }

    [Theory]
    [InlineData("a", 8, 5)] // no commit
    [InlineData("durable:a", 0.9, 5)] // shorter than a timer
    [InlineData("durable:a", 8, 1)] // alone
    public async Task Otherwise_nobody_waits_for_anybody(string channel, double milliseconds, int together)
    {
        await AnsweredTogetherAfter(TimeSpan.FromMilliseconds(milliseconds), channel, together);

        await Until.Equal(0, "lanes", () => _publisher.Lanes);
        await Publish(channel, 10);

        Assert.Equal([1, together, 1], _channels.Calls.Select(c => c.Items.Length));
    }

    private Task FiveAnsweredTogetherAfter(TimeSpan time, string channel) => AnsweredTogetherAfter(time, channel, 5);

    // One goes alone, the others wait for it and share the next call, which takes some time.
    private async Task AnsweredTogetherAfter(TimeSpan time, string channel, int together)
    {
        var (alone, shared) = (new TaskCompletionSource(), new TaskCompletionSource());
        _channels.Answer = async (place, name, items) =>
        {
            await (place switch { 0 => alone.Task, 1 => shared.Task, _ => Task.CompletedTask });
            return _channels.Number(name, items);
        };
        var answers = Enumerable.Range(0, together + 1).Select(n => Publish(channel, n)).ToList();
        alone.SetResult();
        await answers[0];
        await Until.Equal(2, "calls", () => _channels.Calls.Count);
        _time.Advance(time);
        shared.SetResult();
        await Task.WhenAll(answers);
    }

    private static PublicationDraft Draft(string json)
    {
        Assert.True(PublicationDraft.TryCreate(System.Text.Encoding.UTF8.GetBytes(json), out var draft, out var problem), problem);
        return draft;
    }

    private static int NumberIn(PublicationDraft draft) => int.Parse(System.Text.Encoding.UTF8.GetString(draft.Data.Span), System.Globalization.CultureInfo.InvariantCulture);

    // With a deadline of the test's own, on the real clock: an answer that never comes fails the test instead of hanging the run.
    private Task<PublishResult> Publish(string channel, int number) => _publisher.Publish(channel, Draft($"{number}")).AsTask().WaitAsync(Until.DefaultTimeout, TimeProvider.System);

    // 1 to "odd", 2 to "even", and so on.
    private Task<PublishResult[]> PublishTogether(int count)
    {
        var batch = new PostedBatch(count);
        foreach (var n in Enumerable.Range(1, count))
            batch.Add(new PostedEvent(n % 2 == 0 ? "even" : "odd", Draft($"{n}")));
        return _publisher.Publish(batch);
    }

    // The channels that live on the publisher's silo.
    private sealed class HereChannels : IHostedChannels
    {
        public Func<string, PublicationDraft[], PublishResult[]?> Answer { get; set; } = (_, _) => null;

        /// <summary>Whether others always have their turn.</summary>
        public bool AreBusy { get; set; }

        public ConcurrentQueue<bool> MayWait { get; } = [];

        public bool TryPublish(string channel, ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results, bool mayWait)
        {
            MayWait.Enqueue(mayWait);
            if ((AreBusy && !mayWait) || Answer(channel, batch.ToArray()) is not { } answers)
                return false;
            answers.CopyTo(results);
            return true;
        }
    }
}
