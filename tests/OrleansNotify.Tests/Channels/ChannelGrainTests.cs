using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels;

public sealed class ChannelGrainTests : IAsyncLifetime
{
    private static int _channels;
    private readonly string _name = FrontEnds.Name(Interlocked.Increment(ref _channels));
    private ChannelCluster _cluster = null!;
    private IChannelGrain _channel = null!;

    private RecordedStreams Streams => _cluster.Silos[0].Streams;

    public async Task InitializeAsync()
    {
        _cluster = await ChannelCluster.StartAsync(settings: [("Namespaces:brief:Class", "Ephemeral")]);
        _channel = _cluster.Silos[0].Channel(_name);
    }

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_publication_goes_to_every_attached_front_end_in_one_and_the_same_envelope_and_to_no_other()
    {
        await _channel.Publish(Some.Drafts(1));
        var a = await _channel.Attach(FrontEnds.A.Attach());
        await _channel.Attach(FrontEnds.B.Attach());
        var results = await _channel.Publish(Some.Drafts(3));
        await _channel.Detach(FrontEnds.B, 1);
        await _channel.Publish(Some.Drafts(1));

        Assert.Equal(new ChannelPosition(a.Position.Epoch, 1), a.Position);
        Assert.Equal([2UL, 3UL, 4UL, 5UL], Streams.OffsetsTo(FrontEnds.A, _name));
        Assert.Equal([2UL, 3UL, 4UL], Streams.OffsetsTo(FrontEnds.B, _name));
        Assert.Same(Streams.To(FrontEnds.A).First(e => e.Publications is not null), Streams.To(FrontEnds.B).First(e => e.Publications is not null));
        Assert.Equal([2UL, 3UL, 4UL], results.Select(r => r.Position.Offset));
        Assert.All(results, r => Assert.Equal(a.Position.Epoch, r.Position.Epoch));
    }

    [Fact]
    public async Task Concurrent_publishers_get_contiguous_offsets_and_the_stream_has_them_in_order()
    {
        await _channel.Attach(FrontEnds.A.Attach());
        var results = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => _channel.Publish(Some.Drafts(1 + i % 7)).AsTask()));

        ulong[] all = [.. results.SelectMany(r => r).Select(r => r.Position.Offset).Order()];
        Assert.Equal(Enumerable.Range(1, all.Length).Select(i => (ulong)i), all);
        Assert.Equal(all, Streams.OffsetsTo(FrontEnds.A, _name));
        Assert.All(results, r => Assert.Equal(r.Select((_, i) => r[0].Position.Offset + (ulong)i), r.Select(x => x.Position.Offset)));
    }

    [Fact]
    public async Task A_stream_that_takes_nothing_changes_no_answer_and_history_has_it_all()
    {
        await _channel.Attach(FrontEnds.A.Attach());
        Streams.Refuses = true;
        var results = await _channel.Publish(Some.Drafts(2));
        Streams.Refuses = false;
        await _channel.Publish(Some.Drafts(1));

        Assert.All(results, r => Assert.Equal(PublishRefusal.None, r.Refusal));
        Assert.Equal([3UL], Streams.OffsetsTo(FrontEnds.A, _name));
        var page = await _channel.Read(new HistoryRequest(0, ulong.MaxValue, 300, false, default));
        Assert.True(page.Gapless);
        Assert.Equal(["1", "2", "1"], page.Publications.Select(p => p.Text()));
    }

    [Fact]
    public async Task A_repeat_is_answered_and_not_streamed()
    {
        await _channel.Attach(FrontEnds.A.Attach());
        var first = await _channel.Publish([Some.Draft("1", "k")]);
        var repeat = await _channel.Publish([Some.Draft("1", "k")]);
        Assert.Equal(first[0] with { Repeated = true }, repeat[0]);
        Assert.Equal([1UL], Streams.OffsetsTo(FrontEnds.A, _name));
    }

    [Fact]
    public async Task A_large_batch_goes_in_envelopes_of_at_most_64_KiB_of_payload()
    {
        await _channel.Attach(FrontEnds.A.Attach());
        await _channel.Publish([.. Enumerable.Range(0, 9).Select(_ => Some.Draft(new string('1', 30_000)))]);
        Assert.Equal([2, 2, 2, 2, 1], Streams.PublicationsTo(FrontEnds.A).Select(p => p.Items.Length));
        Assert.Equal(Enumerable.Range(1, 9).Select(i => (ulong)i), Streams.OffsetsTo(FrontEnds.A, _name));
    }

    [Theory]
    [InlineData("nobody:knows")]
    [InlineData("not a name")]
    public async Task Every_item_for_an_unknown_namespace_or_malformed_name_is_refused_and_attaching_there_does_no_harm(string name)
    {
        var channel = _cluster.Silos[0].Channel(name);
        await channel.Attach(FrontEnds.A.Attach());
        Assert.All(await channel.Publish(Some.Drafts(2)), r => Assert.Equal(PublishRefusal.UnknownNamespace, r.Refusal));
        Assert.Empty(Streams.PublicationsTo(FrontEnds.A));
        Assert.Equal(0UL, (await channel.GetPosition()).Offset);
    }

    [Fact]
    public async Task A_batch_that_is_too_large_or_given_up_or_broken_is_published_in_no_part()
    {
        Assert.All(await _channel.Publish(Some.Drafts(ChannelGrain.MaxBatch + 1)), r => Assert.Equal(PublishRefusal.NotAccepted, r.Refusal));
        await Assert.ThrowsAsync<ArgumentNullException>(() => _channel.Publish([Some.Draft(), null!]).AsTask());
        using var givenUp = new CancellationTokenSource();
        await givenUp.CancelAsync();
        try
        {
            Assert.Equal(PublishRefusal.NotAccepted, (await _channel.Publish(Some.Drafts(1), givenUp.Token))[0].Refusal);
        }
        catch (OperationCanceledException)
        {
            // Orleans need not deliver a call that was given up before it was made.
        }
        Assert.Equal(0UL, (await _channel.GetPosition()).Offset);
    }

    [Fact]
    public async Task An_ephemeral_channel_says_so_and_keeps_nothing()
    {
        var channel = _cluster.Silos[0].Channel("brief:" + _name);
        Assert.False((await channel.Attach(FrontEnds.A.Attach())).Recoverable);
        Assert.True((await _channel.Attach(FrontEnds.A.Attach())).Recoverable);
        await channel.Publish(Some.Drafts(2));
        Assert.Equal([1UL, 2UL], Streams.OffsetsTo(FrontEnds.A, "brief:" + _name));
        Assert.Empty((await channel.Read(new HistoryRequest(0, ulong.MaxValue, 300, false, default))).Publications);
    }

    [Fact]
    public async Task An_activation_that_is_shown_a_higher_epoch_ends_and_the_next_one_is_higher_still()
    {
        var before = await _channel.Attach(FrontEnds.A.Attach());
        await _channel.Publish(Some.Drafts(2));
        var seen = before.Position.Epoch with { StartedAt = before.Position.Epoch.StartedAt + 1_000_000 };

        Assert.True((await _channel.Attach(FrontEnds.B.Attach(1, seen))).Superseded);
        var after = await _channel.Attach(FrontEnds.B.Attach(2, seen));
        Assert.False(after.Superseded);
        Assert.True(after.Position.Epoch > seen);
        Assert.Equal(0UL, after.Position.Offset);
        await Until.True("front-end A is told to attach again", () => Streams.BeatsTo(FrontEnds.A).Any(b => b.Ended.Contains(_name)));
    }

    [Fact]
    public async Task A_read_shows_epochs_as_well()
    {
        var position = await _channel.GetPosition();
        var seen = position.Epoch with { StartedAt = position.Epoch.StartedAt + 1_000_000 };
        Assert.True((await _channel.Read(new HistoryRequest(0, 1, 1, false, seen))).Superseded);
        Assert.True((await _channel.Read(new HistoryRequest(0, 1, 1, false, seen))).Position.Epoch > seen);
    }

    [Fact]
    public async Task An_activation_that_has_told_nobody_its_epoch_takes_one_above_that_it_is_shown()
    {
        var seen = new ChannelEpoch(1_000_000, 5, 5);
        var reply = await _channel.Attach(FrontEnds.A.Attach(1, seen));
        Assert.False(reply.Superseded);
        Assert.True(reply.Position.Epoch > seen);
        await _channel.Publish(Some.Drafts(1));
        Assert.Equal(reply.Position.Epoch, Streams.PublicationsTo(FrontEnds.A).Single().Epoch);
    }

    [Fact]
    public async Task Erasing_makes_history_empty_and_offsets_go_on()
    {
        await _channel.Publish(Some.Drafts(3));
        Assert.Equal(3UL, (await _channel.Erase()).Offset);
        Assert.Empty((await _channel.Read(new HistoryRequest(0, ulong.MaxValue, 300, false, default))).Publications);
        Assert.Equal(4UL, (await _channel.Publish(Some.Drafts(1)))[0].Position.Offset);
    }
}
