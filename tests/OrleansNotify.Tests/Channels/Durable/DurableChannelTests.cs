using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels.Durable;

/// <summary>Durable channels in real silos, over a store that outlives them.</summary>
public sealed class DurableChannelTests : IAsyncLifetime
{
    private readonly TestStore _store = new();
    private int _publishes;
    private ChannelCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await Start();

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task Everything_acknowledged_survives_the_death_of_all_silos_with_epoch_and_keys()
    {
        var before = await Channel.Publish([Some.Draft("1", key: "k"), Some.Draft("2"), Some.Draft("3")]);
        foreach (var silo in _cluster.Silos)
            await _cluster.KillAsync(silo);
        await using var next = await Start();
        var channel = next.Silos[0].Channel("d:x");

        Assert.Equal(before[2].Position, await channel.GetPosition());
        Assert.Equal(["1", "2", "3"], (await channel.Read(All)).Publications.Select(p => p.Text()));
        var again = Assert.Single(await channel.Publish([Some.Draft("1", key: "k")]));
        Assert.Equal((before[0].Position, before[0].Id, true), (again.Position, again.Id, again.Repeated));
        Assert.Equal(PublishRefusal.KeyReused, (await channel.Publish([Some.Draft("other", key: "k")]))[0].Refusal);
        Assert.Equal(4UL, (await channel.Publish([Some.Draft("4")]))[0].Position.Offset);
    }

    [Fact]
    public async Task Another_activation_knows_as_many_keys_as_the_namespace_says()
    {
        await using var cluster = await Start(("Namespaces:d:IdempotencyKeys", "2"));
        await cluster.Silos[0].Channel("d:few").Publish([Some.Draft("1", key: "a"), Some.Draft("1", key: "b"), Some.Draft("1", key: "c")]);
        foreach (var silo in cluster.Silos)
            await cluster.KillAsync(silo);
        await using var next = await Start(("Namespaces:d:IdempotencyKeys", "2"));

        var again = await next.Silos[0].Channel("d:few").Publish([Some.Draft("1", key: "c"), Some.Draft("1", key: "b"), Some.Draft("1", key: "a")]);
        Assert.Equal([3UL, 2, 4], again.Select(result => result.Position.Offset));
    }

    [Fact]
    public async Task A_key_is_forgotten_over_an_activation_after_as_long_as_the_namespace_says()
    {
        await using var cluster = await Start(("Namespaces:d:IdempotencyTtl", "00:00:01"));
        await cluster.Silos[0].Channel("d:brief").Publish([Some.Draft("1", key: "a")]);
        foreach (var silo in cluster.Silos)
            await cluster.KillAsync(silo);
        await using var next = await Start(("Namespaces:d:IdempotencyTtl", "00:00:01"));

        await Until.True("the key is forgotten", async () => !(await next.Silos[0].Channel("d:brief").Publish([Some.Draft("1", key: "a")]))[0].Repeated); // 5 minutes by default
    }

    [Fact]
    public async Task A_key_that_came_again_while_fewer_were_known_is_that_of_its_newest_publication_when_more_are()
    {
        await using var cluster = await Start(("Namespaces:d:IdempotencyKeys", "1"));
        foreach (var key in new[] { "a", "b", "a" })
            await cluster.Silos[0].Channel("d:again").Publish([Some.Draft("1", key: key)]);
        foreach (var silo in cluster.Silos)
            await cluster.KillAsync(silo);
        await using var next = await Start();

        var again = await next.Silos[0].Channel("d:again").Publish([Some.Draft("1", key: "a"), Some.Draft("1", key: "b")]);
        Assert.Equal([3UL, 2], again.Select(result => result.Position.Offset));
    }

    [Fact]
    public async Task Nothing_is_seen_before_it_is_committed()
    {
        await _cluster.Silos[0].AttachHere("d:x", FrontEnds.A.Attach());
        var commit = Gate();
        var publish = Channel.Publish([Some.Draft("1")]).AsTask();
        await commit.Reached;

        Assert.Equal(0UL, (await Channel.GetPosition()).Offset);
        Assert.Empty((await Channel.Read(All)).Publications);
        Assert.Empty(_cluster.Silos[0].Streams.OffsetsTo(FrontEnds.A, "d:x"));
        Assert.False(publish.IsCompleted);

        commit.Open();
        Assert.Equal(1UL, (await publish)[0].Position.Offset);
        Assert.Equal([1UL], _cluster.Silos[0].Streams.OffsetsTo(FrontEnds.A, "d:x"));
    }

    [Fact]
    public async Task What_comes_while_a_commit_is_under_way_is_committed_together()
    {
        await Channel.GetPosition();
        var commit = Gate();
        var first = Channel.Publish([Some.Draft("0")]).AsTask();
        await commit.Reached;
        _store.Writes.Clear();
        var later = Enumerable.Range(1, 64).Select(_ => Channel.Publish([Some.Draft("1")]).AsTask()).ToArray();
        await Until.Equal(65, "publishes that have reached the grain", () => Volatile.Read(ref _publishes));
        commit.Open();

        await first;
        Assert.Equal(Enumerable.Range(2, 64).Select(i => (ulong)i), (await Task.WhenAll(later)).Select(r => r[0].Position.Offset).Order());
        Assert.Equal(["log-1", "log-1"], _store.Writes);
    }

    [Fact]
    public async Task A_repeat_of_a_key_in_flight_gets_the_first_ones_answer()
    {
        await Channel.GetPosition();
        var commit = Gate();
        var first = Channel.Publish([Some.Draft("1", key: "k")]).AsTask();
        await commit.Reached;
        var repeat = Channel.Publish([Some.Draft("1", key: "k")]).AsTask();
        commit.Open();

        Assert.Equal((await first)[0].Position, (await repeat)[0].Position);
        Assert.True((await repeat)[0].Repeated);
        Assert.Single((await Channel.Read(All)).Publications);
    }

    [Fact]
    public async Task A_batch_larger_than_a_segment_is_committed_in_several()
    {
        var results = await Channel.Publish([.. Enumerable.Range(0, 10).Select(i => Some.Draft(new string((char)('a' + i), 20_000)))]);

        Assert.Equal(Enumerable.Range(1, 10).Select(i => (ulong)i), results.Select(r => r.Position.Offset));
        Assert.Equal("abcdefghij", string.Concat((await Channel.Read(All)).Publications.Select(p => p.Text()[0])));
        Assert.InRange(_store.LargestWrite, 1, 64 << 10);
    }

    [Fact]
    public async Task An_outage_refuses_soon_keeps_attachments_and_heals()
    {
        await _cluster.Silos[0].AttachHere("d:x", FrontEnds.A.Attach());
        await Channel.Publish([Some.Draft("1")]);
        _store.GoAway();

        Assert.Equal(PublishRefusal.Unknown, (await Channel.Publish([Some.Draft("lost")]))[0].Refusal);
        Assert.Equal(PublishRefusal.NotAccepted, (await Channel.Publish([Some.Draft("lost too")]))[0].Refusal);
        Assert.Equal(["1"], (await Channel.Read(All)).Publications.Select(p => p.Text()));
        Assert.Equal(PublishRefusal.NotAccepted, (await _cluster.Silos[0].Channel("d:other").Publish([Some.Draft("new channel")]))[0].Refusal);

        _store.ComeBack();
        await Until.Equal(2UL, "the next offset", async () => (await Channel.Publish([Some.Draft("2", key: "2")]))[0].Position.Offset);
        Assert.Equal(["1", "2"], (await Channel.Read(All)).Publications.Select(p => p.Text()));
        Assert.Equal([1UL, 2UL], _cluster.Silos[0].Streams.OffsetsTo(FrontEnds.A, "d:x"));
    }

    [Fact]
    public async Task A_store_that_hangs_is_given_up_within_2_seconds_and_what_waits_was_not_accepted()
    {
        await Channel.GetPosition();
        var commit = Gate();
        var began = TimeProvider.System.GetTimestamp();
        var first = Channel.Publish([Some.Draft("1")]).AsTask();
        await commit.Reached;
        var waiting = Channel.Publish([Some.Draft("2")]).AsTask();

        Assert.Equal(PublishRefusal.Unknown, (await first)[0].Refusal);
        Assert.Equal(PublishRefusal.NotAccepted, (await waiting)[0].Refusal);
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 1.4, 3); // 1.5, and a busy machine

        // The write that hangs must not come through behind what is committed after it.
        _store.ComeBack();
        await Until.Equal(PublishRefusal.None, "accepted", async () => (await Channel.Publish([Some.Draft("3", key: "3")]))[0].Refusal);
        commit.Open();
        Assert.Equal(["3"], (await Channel.Read(All)).Publications.Select(p => p.Text()));
        Assert.Equal(2UL, (await Channel.Publish([Some.Draft("4")]))[0].Position.Offset);
    }

    [Fact]
    public async Task A_commit_whose_answer_got_lost_is_streamed_once_and_its_key_is_known()
    {
        await _cluster.Silos[0].AttachHere("d:x", FrontEnds.A.Attach());
        _store.AfterWrite = _ =>
        {
            _store.AfterWrite = _ => Task.CompletedTask;
            throw new IOException("the answer got lost");
        };

        Assert.Equal(PublishRefusal.Unknown, (await Channel.Publish([Some.Draft("1", key: "k")]))[0].Refusal);
        var retried = default(PublishResult);
        await Until.True("accepted", async () => (retried = (await Channel.Publish([Some.Draft("1", key: "k")]))[0]).Refusal == PublishRefusal.None);

        Assert.Equal((1UL, true), (retried.Position.Offset, retried.Repeated));
        Assert.Equal([1UL], _cluster.Silos[0].Streams.OffsetsTo(FrontEnds.A, "d:x"));
    }

    [Fact]
    public async Task A_channel_moves_on_a_graceful_stop_with_its_front_ends_and_the_same_epoch()
    {
        var (first, second) = (_cluster.Silos[0], _cluster.Silos[1]);
        await first.AttachHere("d:moves", FrontEnds.A.Attach());
        var before = (await first.Channel("d:moves").Publish([Some.Draft("1")]))[0].Position;

        await _cluster.StopAsync(first);
        var after = (await second.Channel("d:moves").Publish([Some.Draft("2")]))[0].Position;

        Assert.Equal(before with { Offset = 2 }, after);
        // Failed once, in a whole run on a busy machine, and never since: should it do so again, what Orleans said of the move is wanted.
        Assert.True(second.Streams.OffsetsTo(FrontEnds.A, "d:moves").SequenceEqual([2UL]), string.Join('\n', _cluster.Log.Entries));
    }

    [Fact]
    public async Task A_store_that_lost_commits_is_found_out_by_what_a_front_end_has_seen_and_a_new_epoch_begins()
    {
        await Channel.Publish([Some.Draft("1")]);
        var saved = _store.Save();
        var lost = (await Channel.Publish([Some.Draft("2"), Some.Draft("3")]))[1].Position;
        foreach (var silo in _cluster.Silos)
            await _cluster.KillAsync(silo);
        _store.Restore(saved);
        await using var next = await Start();
        var channel = next.Silos[0].Channel("d:x");
        Assert.Equal(lost with { Offset = 1 }, await channel.GetPosition());

        Assert.True((await channel.Attach(new Attachment(FrontEnds.A, 1, lost.Epoch, lost.Offset))).Superseded);
        var told = await channel.Attach(new Attachment(FrontEnds.A, 2, lost.Epoch, lost.Offset));

        Assert.False(told.Superseded);
        Assert.True(told.Position.Epoch > lost.Epoch);
        Assert.Equal(0UL, told.Position.Offset);
        Assert.Equal(told.Position with { Offset = 1 }, (await channel.Publish([Some.Draft("4")]))[0].Position);
    }

    [Fact]
    public async Task An_activation_behind_its_log_catches_up_when_a_front_end_shows_it_and_stays()
    {
        await _cluster.Silos[0].AttachHere("d:x", FrontEnds.A.Attach());
        var first = (await Channel.Publish([Some.Draft("1")]))[0].Position;
        var other = new ChannelLog(_store, Channel.GetGrainId(), _cluster.Silos[0].Handle.ServiceProvider.GetRequiredService<LogEntryCodec>());
        await other.Open(() => throw new InvalidOperationException("there is a log"));
        await other.Commit([new LogEntry(Some.Publication(2), null, 0, 0)], false);

        var caughtUp = await Channel.Attach(new Attachment(FrontEnds.A, 2, first.Epoch, 2));

        Assert.Equal((false, first with { Offset = 2 }), (caughtUp.Superseded, caughtUp.Position));
        Assert.Equal(first with { Offset = 3 }, (await Channel.Publish([Some.Draft("3")]))[0].Position);
        Assert.Equal([1UL, 2UL, 3UL], _cluster.Silos[0].Streams.OffsetsTo(FrontEnds.A, "d:x"));
        await Assert.ThrowsAsync<InconsistentStateException>(() => other.Commit([new LogEntry(Some.Publication(3), null, 0, 0)], false));
    }

    [Fact]
    public async Task An_activation_whose_log_has_begun_another_epoch_ends_and_the_next_one_is_of_that_epoch()
    {
        var first = (await Channel.Publish([Some.Draft("1")]))[0].Position;
        var other = new ChannelLog(_store, Channel.GetGrainId(), _cluster.Silos[0].Handle.ServiceProvider.GetRequiredService<LogEntryCodec>());
        await other.Open(() => throw new InvalidOperationException("there is a log"));
        var epoch = first.Epoch with { StartedAt = first.Epoch.StartedAt + 1 };
        await other.BeginEpoch(epoch);

        var superseded = await Channel.Attach(new Attachment(FrontEnds.A, 1, epoch));
        var next = await Channel.Attach(new Attachment(FrontEnds.A, 2, epoch));

        Assert.True(superseded.Superseded);
        Assert.Equal((false, new ChannelPosition(epoch, 0)), (next.Superseded, next.Position));
    }

    [Fact]
    public async Task Erased_history_stays_erased_and_offsets_go_on()
    {
        await Channel.Publish([Some.Draft("1"), Some.Draft("2")]);
        Assert.Equal(2UL, (await Channel.Erase()).Offset);
        Assert.Empty((await Channel.Read(All)).Publications);
        Assert.Equal(3UL, (await Channel.Publish([Some.Draft("3")]))[0].Position.Offset);
        foreach (var silo in _cluster.Silos)
            await _cluster.KillAsync(silo);
        await using var next = await Start();

        Assert.Equal(["3"], (await next.Silos[0].Channel("d:x").Read(All)).Publications.Select(p => p.Text()));
    }

    [Fact]
    public async Task What_the_store_holds_of_a_channel_is_bounded()
    {
        for (var i = 0; i < 60; i++)
            await Channel.Publish([Some.Draft(new string('x', 30_000))]);

        // History is 10 here: 10 segments, the one being written, up to four that are dropped together, and the head.
        Assert.InRange(_store.Records.Count(), 11, 16);
        Assert.Equal(10, (await Channel.Read(All)).Publications.Length);
    }

    [Fact]
    public async Task A_host_with_a_durable_namespace_and_no_store_does_not_start_and_names_the_setting()
    {
        var failure = await Record.ExceptionAsync(() => ChannelCluster.StartAsync(1, null, ("Namespaces:d:Class", "Durable")));

        Assert.Contains("Notify:Namespaces:d:Class is Durable, but no store is configured", failure?.ToString(), StringComparison.Ordinal);
    }

    private static HistoryRequest All => new(0, ulong.MaxValue, 300, false, ChannelEpoch.None);

    private IChannelGrain Channel => _cluster.Silos[0].Channel("d:x");

    private Task<ChannelCluster> Start(params (string Key, string Value)[] settings) => ChannelCluster.StartAsync(
        2,
        silo =>
        {
            silo.Services.AddKeyedSingleton<IGrainStorage>(ChannelStorage.ProviderName, _store);
            silo.AddIncomingGrainCallFilter(async call =>
            {
                var running = call.Invoke();
                if (call.MethodName == nameof(IChannelGrain.Publish))
                    Interlocked.Increment(ref _publishes); // it waits in the grain now
                await running;
            });
        },
        [("Namespaces:d:Class", "Durable"), ("Namespaces:d:HistorySize", "10"), .. settings]);

    private (Task Reached, Action Open) Gate()
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _store.BeforeWrite = _ =>
        {
            reached.TrySetResult();
            return open.Task;
        };
        return (reached.Task, Open);

        void Open()
        {
            _store.BeforeWrite = _ => Task.CompletedTask;
            open.SetResult();
        }
    }
}
