using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Patterns;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;
using OrleansNotify.Tests.Channels;

namespace OrleansNotify.Tests.Silos;

public sealed class AttachmentTableTests
{
    private static readonly ChannelEpoch Epoch = new(1, 2, 3);
    private static readonly SiloAddress Self = FrontEnds.New(99);
    private readonly FakeTimeProvider _time = new();
    private readonly PatternTable _patterns = new();
    private readonly AttachmentTable _table;
    private readonly List<(SiloAddress FrontEnd, Beat Beat)> _beats = [];
    private readonly List<(string Channel, SiloAddress FrontEnd)> _detached = [];
    private Func<Beat, bool> _takes = _ => true;

    private readonly Watched _watched = new();

    public AttachmentTableTests() => _table = new AttachmentTable(_time, _patterns, _watched);

    [Fact]
    public void The_first_attachment_occupies_a_channel_and_the_end_of_the_last_vacates_it()
    {
        var channel = Channel("a");
        _table.Attach(channel, FrontEnds.A, 1);
        _table.Attach(channel, FrontEnds.A, 2);
        _table.Attach(channel, FrontEnds.B, 1);
        _table.Detach(channel, FrontEnds.A, 1); // too late: it has attached again
        _table.Detach(channel, FrontEnds.A, 2);
        Assert.Equal(["+a"], _watched.Told);

        _table.Detach(channel, FrontEnds.B, 1);
        _table.Detach(channel, FrontEnds.B, 1);
        Assert.Equal(["+a", "-a"], _watched.Told);

        _table.Attach(channel, FrontEnds.B, 2);
        Assert.Equal(["+a", "-a", "+a"], _watched.Told);
    }

    [Fact]
    public void A_channel_is_also_vacated_by_a_lease_a_list_and_a_death()
    {
        foreach (var name in new[] { "lease", "list", "death" })
            _table.Attach(Channel(name), name == "death" ? FrontEnds.B : FrontEnds.A, 1);
        _watched.Told.Clear();
        _time.Advance(AttachmentTable.Settling);

        _table.Reconcile(FrontEnds.A, [new AttachedChannel("lease", 1)]);
        Assert.Equal(["-list"], _watched.Told);
        _table.Forget(FrontEnds.B);
        Assert.Equal(["-list", "-death"], _watched.Told);
        Beat();
        _time.Advance(TimeSpan.FromSeconds(15));
        Assert.Equal([FrontEnds.A], _table.DropExpired(TimeSpan.FromSeconds(15), 1));
        Assert.Equal(["-list", "-death", "-lease"], _watched.Told);
    }

    [Fact]
    public void A_channel_that_comes_with_its_front_ends_was_occupied_all_the_time_and_one_that_goes_with_them_still_is()
    {
        var come = new HostedChannel("come", new Owner(_ => { }));
        _table.Add(come, [new MovedFrontEnd(FrontEnds.A, 7, true), new MovedFrontEnd(FrontEnds.B, 3, false)]);
        _table.Attach(come, FrontEnds.B, 4);
        var gone = Channel("gone");
        _table.Attach(gone, FrontEnds.A, 8);
        gone.HasMoved = true;
        _table.Remove(gone);
        Assert.Equal(["+gone"], _watched.Told);

        _table.Detach(come, FrontEnds.A, 7);
        _table.Detach(come, FrontEnds.B, 4);
        Assert.Equal(["+gone", "-come"], _watched.Told);
    }

    [Fact]
    public void Who_wants_a_channel_by_pattern_is_invited_and_told_of_its_publications_until_it_attaches()
    {
        var before = Channel("a.1");
        before.Came(7, 1);
        _patterns.Change(FrontEnds.A, 1, ["a.*"], []);
        _table.Invite(FrontEnds.A, ["a.*"], hasLess: false);
        var behind = Channel("a.2");
        Assert.Empty(Channel("b").Invited);
        Assert.Equal([FrontEnds.A], before.Invited.Select(i => i.FrontEnd.Address));
        Assert.Equal([FrontEnds.A], behind.Invited.Select(i => i.FrontEnd.Address));

        before.Came(8, 1);
        Beat();
        Assert.Equal([new ChangedChannel("a.1", new ChannelPosition(Epoch, 8))], To(FrontEnds.A).Single().Changed);
        Assert.Equal(0, To(FrontEnds.A).Single().Attached);

        Assert.Equal(new ChannelPosition(Epoch, 7), _table.Attach(before, FrontEnds.A, 1));
        Assert.Empty(before.Invited);
        Assert.Equal(new ChannelPosition(Epoch, 7), _table.Attach(before, FrontEnds.A, 2)); // the first answer may have been lost
        _time.Advance(AttachmentTable.Settling);
        Assert.Null(_table.Attach(before, FrontEnds.A, 3));
    }

    [Fact]
    public void Who_detaches_is_invited_again_for_as_long_as_its_pattern_stands()
    {
        _patterns.Change(FrontEnds.A, 1, ["a.*"], []);
        var channel = Channel("a.1");
        _table.Attach(channel, FrontEnds.A, 1);
        channel.Came(3, 1);

        _table.Detach(channel, FrontEnds.A, 1);
        Assert.Equal(new ChannelPosition(Epoch, 3), channel.Invited.Single().InvitedAt);

        _patterns.Change(FrontEnds.A, 2, [], ["a.*"]);
        _table.Invite(FrontEnds.A, [], hasLess: true);
        Assert.Empty(channel.Invited);
    }

    [Fact]
    public void A_dead_front_end_is_invited_no_more()
    {
        _patterns.Change(FrontEnds.A, 1, ["a.*"], []);
        var channel = Channel("a.1");

        _table.Forget(FrontEnds.A);

        Assert.Empty(channel.Invited);
        Assert.Empty(Channel("a.2").Invited);
    }

    [Fact]
    public void A_beat_tells_what_has_changed_since_the_last_one_and_count_and_hash_of_all()
    {
        var (a, b) = (Channel("a"), Channel("b"));
        _table.Attach(a, FrontEnds.A, 1);
        _table.Attach(b, FrontEnds.A, 2);
        _table.Attach(b, FrontEnds.B, 1);
        a.Came(1, 1);
        a.Came(2, 2);

        Assert.Empty(Beat());
        var beat = To(FrontEnds.A).Single();
        Assert.Equal(
            (Self, 1, 2, AttachmentHash.Of("a", 1) ^ AttachmentHash.Of("b", 2)), (beat.From, beat.Sequence, beat.Attached, beat.AttachedHash));
        Assert.Equal([new ChangedChannel("a", new ChannelPosition(Epoch, 2))], beat.Changed);
        Assert.Empty(To(FrontEnds.B).Single().Changed);

        Beat();
        Assert.Empty(To(FrontEnds.A).Last().Changed);
        Assert.Equal([1L, 2L], To(FrontEnds.A).Select(x => x.Sequence));
    }

    [Fact]
    public void A_beat_that_the_stream_does_not_take_is_told_again_under_the_same_number()
    {
        var (a, b) = (Channel("a"), Channel("b"));
        _table.Attach(a, FrontEnds.A, 1);
        _table.Attach(b, FrontEnds.A, 2);
        a.Came(1, 1);
        _table.Remove(b);
        _takes = _ => false;
        Assert.Equal([FrontEnds.A], Beat());
        Assert.Equal([FrontEnds.A], Beat());
        _takes = _ => true;
        Beat();

        var beat = To(FrontEnds.A).Single();
        Assert.Equal(1, beat.Sequence);
        Assert.Equal(["a"], beat.Changed.Select(c => c.Channel));
        Assert.Equal(["b"], beat.Ended);
    }

    [Fact]
    public void Long_lists_are_told_in_several_beats_of_which_a_refused_one_loses_nothing()
    {
        HostedChannel[] channels = [.. Enumerable.Range(0, 1500).Select(i => Channel(FrontEnds.Name(i).PadRight(200, 'x')))];
        for (var i = 0; i < channels.Length; i++)
        {
            _table.Attach(channels[i], FrontEnds.A, i + 1);
            channels[i].Came(7, 1);
        }
        _takes = beat => beat.Sequence < 3;
        Assert.Equal([FrontEnds.A], Beat());
        _takes = _ => true;
        Beat();

        Beat[] beats = [.. To(FrontEnds.A)];
        Assert.Equal(Enumerable.Range(1, beats.Length).Select(i => (long)i), beats.Select(b => b.Sequence));
        Assert.Equal(channels.Select(c => c.Name).Order(StringComparer.Ordinal), beats.SelectMany(b => b.Changed).Select(c => c.Channel).Order(StringComparer.Ordinal));
        Assert.All(beats, b => Assert.True(b.Changed.Length * 264 <= 64 << 10, $"{b.Changed.Length} in one"));
    }

    [Fact]
    public void What_ends_is_told_once_unless_it_has_moved_or_is_attached_again()
    {
        var (ended, moved, again) = (Channel("ended"), Channel("moved"), Channel("again"));
        _table.Attach(ended, FrontEnds.A, 1);
        _table.Attach(moved, FrontEnds.A, 2);
        _table.Attach(again, FrontEnds.A, 3);
        moved.HasMoved = true;
        _table.Remove(ended);
        _table.Remove(moved);
        _table.Remove(again);
        var anew = Channel("again");
        _table.Attach(anew, FrontEnds.A, 4);
        Beat();
        Beat();
        Assert.Equal(["ended"], To(FrontEnds.A).SelectMany(b => b.Ended));
        Assert.Equal(1, To(FrontEnds.A).Last().Attached);

        // Its last attachment ends: the front-end gets no more beats, but the next one goes on in the row.
        _table.Detach(anew, FrontEnds.A, 4);
        Beat();
        Assert.Equal(2, To(FrontEnds.A).Count());
        _table.Attach(anew, FrontEnds.A, 5);
        Beat();
        Assert.Equal([1L, 2L, 3L], To(FrontEnds.A).Select(b => b.Sequence));
    }

    [Fact]
    public void An_activation_that_ends_late_leaves_that_of_its_successor_alone()
    {
        var old = Channel("a");
        _table.Attach(old, FrontEnds.A, 1);
        var successor = Channel("a");
        _table.Attach(successor, FrontEnds.A, 2);
        _table.Remove(old);
        Beat();
        Assert.Empty(To(FrontEnds.A).Single().Ended);
        Assert.Equal((1, AttachmentHash.Of("a", 2)), (To(FrontEnds.A).Single().Attached, To(FrontEnds.A).Single().AttachedHash));
        Assert.Equal(["a"], _table.List(null, 10).Select(c => c.Name));
    }

    [Fact]
    public void A_moved_channel_brings_its_front_ends_and_the_first_beat_tells_them_where_it_is()
    {
        var channel = new HostedChannel("a", new Owner(_ => { }));
        channel.Begins(new ChannelPosition(Epoch, 9), 3);
        _table.Add(channel, [new MovedFrontEnd(FrontEnds.A, 5, true), new MovedFrontEnd(FrontEnds.B, 6, false)]);
        _table.Attach(channel, FrontEnds.B, 6); // overtaken by its detach
        Beat();
        Assert.Equal([new ChangedChannel("a", new ChannelPosition(Epoch, 9))], To(FrontEnds.A).Single().Changed);
        Assert.Equal(AttachmentHash.Of("a", 5), To(FrontEnds.A).Single().AttachedHash);
        Assert.Empty(To(FrontEnds.B));
    }

    [Fact]
    public void A_lease_runs_out_by_time_and_unanswered_beats_together()
    {
        var channel = Channel("a");
        _table.Attach(channel, FrontEnds.A, 1);
        _time.Advance(TimeSpan.FromSeconds(15)); // as after a pause: nobody was asked
        Assert.Empty(_table.DropExpired(TimeSpan.FromSeconds(15), 2));
        Beat();
        Assert.Empty(_table.DropExpired(TimeSpan.FromSeconds(15), 2));
        Beat();
        Assert.Empty(_table.DropExpired(TimeSpan.FromSeconds(16), 2));
        Assert.Equal([FrontEnds.A], _table.DropExpired(TimeSpan.FromSeconds(15), 2));
        Assert.Empty(channel.Attachments.Current);
        Assert.Equal([("a", FrontEnds.A)], _detached);
        Assert.Empty(_table.DropExpired(TimeSpan.FromSeconds(15), 2));
    }

    [Fact]
    public void An_answer_renews_the_lease_and_an_overtaken_one_does_not()
    {
        _table.Attach(Channel("a"), FrontEnds.A, 1);
        Beat();
        Beat();
        _time.Advance(TimeSpan.FromSeconds(20));
        _table.Renew(FrontEnds.A, 2);
        Assert.Empty(_table.DropExpired(TimeSpan.FromSeconds(15), 1));
        Beat();
        _time.Advance(TimeSpan.FromSeconds(20));
        _table.Renew(FrontEnds.A, 1);
        Assert.Equal([FrontEnds.A], _table.DropExpired(TimeSpan.FromSeconds(15), 1));
    }

    [Fact]
    public void Lists_are_compared_by_number_and_what_is_young_is_left_alone()
    {
        var (same, unnamed, higherHere, lowerHere, young) = (Channel("same"), Channel("unnamed"), Channel("higherHere"), Channel("lowerHere"), Channel("young"));
        _table.Attach(same, FrontEnds.A, 1);
        _table.Attach(unnamed, FrontEnds.A, 2);
        _table.Attach(higherHere, FrontEnds.A, 4);
        _table.Attach(lowerHere, FrontEnds.A, 5);
        AttachedChannel[] named = [new("same", 1), new("higherHere", 3), new("lowerHere", 6), new("missing", 7)];

        // The answers to the attaches of "unnamed" and "higherHere" may be under way.
        Assert.Equal(["lowerHere", "missing"], _table.Reconcile(FrontEnds.A, named).Order());
        Assert.Single(unnamed.Attachments.Current);

        _time.Advance(AttachmentTable.Settling);
        _table.Attach(young, FrontEnds.A, 8);
        Assert.Equal(["higherHere", "lowerHere", "missing"], _table.Reconcile(FrontEnds.A, named).Order());
        Assert.Empty(unnamed.Attachments.Current);
        Assert.Single(young.Attachments.Current);
        Assert.Equal([("unnamed", FrontEnds.A)], _detached);
        _table.Attach(unnamed, FrontEnds.A, 2); // repeated, late
        Assert.Empty(unnamed.Attachments.Current);
    }

    [Fact]
    public void A_dead_front_end_leaves_no_attachment_and_no_number_behind()
    {
        var channel = Channel("a");
        _table.Attach(channel, FrontEnds.A, 5);
        _table.Attach(channel, FrontEnds.B, 1);
        _table.Detach(channel, FrontEnds.B, 1);
        _table.Forget(FrontEnds.A);
        _table.Forget(FrontEnds.B);
        Assert.Empty(channel.Attachments.Known);
        Assert.Equal([("a", FrontEnds.A)], _detached);
        Beat();
        Assert.Empty(_beats);
    }

    [Fact]
    public void Channels_are_listed_by_ordinal_name_page_by_page_without_unlisted_ones()
    {
        foreach (var name in new[] { "b", "B", "a", "c", "@system", "#42", "d" })
            Channel(name).Begins(new ChannelPosition(Epoch, 3), 2);
        var page = _table.List(null, 3);
        Assert.Equal(["B", "a", "b"], page.Select(c => c.Name));
        Assert.Equal(new ChannelInfo("B", new ChannelPosition(Epoch, 3), 0, 2), page[0]);
        Assert.Equal(["c", "d"], _table.List("b", 3).Select(c => c.Name));
        Assert.Empty(_table.List("d", 3));
        Assert.Empty(_table.List(null, 0));
    }

    [Fact]
    public async Task No_beat_misses_a_position_whatever_the_moment_it_is_set_at()
    {
        const ulong Last = 200_000;
        var channel = Channel("a");
        _table.Attach(channel, FrontEnds.A, 1);
        var told = 0UL;
        _takes = beat =>
        {
            foreach (var changed in beat.Changed)
                told = changed.Position.Offset;
            return beat.Sequence % 3 != 0 || beat.Changed.Length == 0 ? true : Random.Shared.Next(2) == 0;
        };
        var publisher = Task.Run(() =>
        {
            for (var offset = 1UL; offset <= Last; offset++)
                channel.Came(offset, 1);
        });
        while (!publisher.IsCompleted)
            Beat();
        await publisher;
        while (Beat().Length > 0)
        {
        }
        Assert.Equal(Last, told);
    }

    private HostedChannel Channel(string name)
    {
        var channel = new HostedChannel(name, new Owner(frontEnd => _detached.Add((name, frontEnd))));
        channel.Begins(new ChannelPosition(Epoch, 0), 0);
        _table.Add(channel, []);
        return channel;
    }

    private SiloAddress[] Beat() => _table.Beat(Self, (frontEnd, envelope) =>
    {
        if (!_takes(envelope.Beat!))
            return false;
        _beats.Add((frontEnd, envelope.Beat!));
        return true;
    });

    private sealed class Owner(Action<SiloAddress> detached) : IHostedOwner
    {
        public void Detached(SiloAddress frontEnd) => detached(frontEnd);

        public bool TryPublish(ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results, bool mayWait) => throw new NotSupportedException();
    }

    private sealed class Watched : IChannelWatch
    {
        public List<string> Told { get; } = [];

        public void Occupied(string channel) => Told.Add($"+{channel}");

        public void Vacated(string channel) => Told.Add($"-{channel}");
    }

    private IEnumerable<Beat> To(SiloAddress frontEnd) => _beats.Where(b => b.FrontEnd.Equals(frontEnd)).Select(b => b.Beat);
}
