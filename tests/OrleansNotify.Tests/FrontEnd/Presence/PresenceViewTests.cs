using CsCheck;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.FrontEnd.Presence;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;
using OrleansNotify.Tests.Channels;

namespace OrleansNotify.Tests.FrontEnd.Presence;

/// <summary>What watchers are told, whatever becomes of the changes on their way and of the channel's activation.</summary>
public sealed class PresenceViewTests
{
    private readonly PresenceView _view = new(1000);
    private readonly List<PresenceNews> _told = [];

    [Fact]
    public void The_first_state_is_told_to_nobody_and_changes_go_on_from_it()
    {
        Accept(7, 3, "held", ""); // on its way before the state was asked for
        Accept(7, 4, "c", "a");
        Assert.True(_view.NeedsState);
        Place(7, 3, TimeSpan.FromSeconds(15), "a", "b");

        Assert.True(_view.IsPlaced);
        Assert.Equal("+c -a", Told());
        Accept(7, 4, "c", "a"); // once more
        Accept(8, 5, "x", ""); // of another activation
        Assert.Equal("", Told());
        Assert.False(_view.NeedsState);
    }

    [Fact]
    public void No_more_changes_wait_for_a_state_than_are_held_and_the_next_beat_finds_the_others()
    {
        var view = new PresenceView(2);
        for (var version = 4; version <= 6; version++)
            view.Accept(new PresenceChange("room", 7, version, Members($"c{version}"), []), _told);
        view.Place(new PresenceState(7, 3, TimeSpan.Zero, 0, 0, []), _told);

        Assert.Equal("+c4 +c5", Told());
        Assert.False(view.NeedsState);
        view.Accept(6);
        Assert.True(view.NeedsState);
    }

    [Fact]
    public void A_gap_is_found_by_the_next_change_or_by_a_beat_and_the_difference_is_told()
    {
        Place(7, 1, TimeSpan.Zero, "a", "b");
        Accept(7, 3, "d", "");
        Assert.True(_view.NeedsState);
        Assert.Equal("", Told());
        Place(7, 2, TimeSpan.Zero, "b", "c"); // read before the change came
        Assert.Equal("+c +d -a", Told());
        Assert.False(_view.NeedsState);

        _view.Accept(3);
        Assert.False(_view.NeedsState);
        _view.Accept(4);
        Assert.True(_view.NeedsState);
        Place(7, 5, TimeSpan.Zero, "b", "c");
        Assert.Equal("-d", Told());
    }

    [Fact]
    public void Who_is_announced_again_to_a_new_activation_does_not_join_and_who_is_not_leaves_when_it_has_settled()
    {
        Place(7, 1, TimeSpan.Zero, "a", "b", "c");
        _view.Ask();
        Place(8, 1, TimeSpan.FromSeconds(15), "a", "new");
        Assert.Equal("+new", Told());
        Accept(8, 2, "b", "");
        Assert.Equal("", Told());

        _view.Ask();
        Place(8, 2, TimeSpan.Zero, "a", "b", "new");
        Assert.Equal("-c", Told());
    }

    [Fact]
    public void While_there_are_too_many_nothing_is_told_and_afterwards_the_difference()
    {
        Place(7, 1, TimeSpan.Zero, "a", "b");
        _view.Ask();
        _view.Place(new PresenceState(7, 9, TimeSpan.Zero, 1001, 0, null), _told);
        Assert.Equal("", Told());
        Accept(7, 20, "", "z");
        Place(7, 20, TimeSpan.Zero, "b", "c");
        Assert.Equal("+c -a", Told());
    }

    [Fact]
    public void The_first_change_since_there_were_too_many_is_not_all_there_is_to_tell()
    {
        Place(7, 1, TimeSpan.Zero, "a", "b");
        _view.Ask();
        _view.Place(new PresenceState(7, 9, TimeSpan.Zero, 1001, 0, null), _told);
        Accept(7, 10, "", "a");
        Assert.True(_view.NeedsState);
        Place(7, 10, TimeSpan.Zero, "b", "c");
        Assert.Equal("+c -a", Told());
        Accept(7, 11, "d", "");
        Assert.Equal("+d", Told());
    }

    [Fact]
    public void Whatever_is_lost_on_the_way_watchers_end_up_with_who_is_there_and_nobody_joins_or_leaves_twice()
    {
        // Steps: who of 8 connections of 2 front-ends comes or goes; whether its change is lost; whether the activation ends.
        var step = Gen.Select(Gen.Int[0, 7], Gen.Bool, Gen.Int[0, 3], Gen.Int[0, 19]);
        step.Array[1, 60].Sample(steps =>
        {
            var time = new FakeTimeProvider();
            var presence = new ChannelPresence("room", 1000, time);
            var view = new PresenceView(1000);
            var told = new List<PresenceNews>();
            var there = new HashSet<int>();
            var watched = new HashSet<string>();
            var number = 0L;
            view.Place(presence.State(true), told);

            foreach (var (connection, _, fate, end) in steps)
            {
                if (end == 0)
                {
                    // Killed: the new one is told by each front-end again, and asked at once.
                    presence = new ChannelPresence("room", 1000, time);
                    view.Ask();
                    view.Place(presence.State(true), told);
                    foreach (var side in new[] { 0, 1 })
                        Take(new(FrontEnds.New(side), ++number, 0, [.. there.Where(c => c % 2 == side).Select(Member)], [], false, true, false), lost: false);
                }
                var isThere = there.Remove(connection);
                if (!isThere)
                    there.Add(connection);
                Take(new(FrontEnds.New(connection % 2), ++number, 0, [.. there.Where(c => c % 2 == connection % 2).Select(Member)], [], false, true, false), lost: fate == 0);
                if (view.NeedsState)
                    view.Place(presence.State(true), told);
                Follow();
            }
            // The next beat and the state once settled find all there is to find.
            time.Advance(ChannelPresence.Settling);
            view.Accept(presence.Version);
            view.Ask();
            view.Place(presence.State(true), told);
            Follow();
            Assert.Equal(there.Select(c => $"c{c}").Order(), watched.Order());

            void Take(PresenceAnnouncement announcement, bool lost)
            {
                presence.Take(announcement, out var change);
                if (change is not null && !lost)
                    view.Accept(change, told);
            }

            void Follow()
            {
                foreach (var (joined, member) in told)
                    Assert.True(joined ? watched.Add(member.Connection) : watched.Remove(member.Connection), $"{member.Connection} was told twice");
                told.Clear();
            }
        }, iter: 2000, threads: 1);

        static PresenceMember Member(int connection) => new($"c{connection}", null, default);
    }

    private void Place(long run, long version, TimeSpan settlesIn, params string[] members) =>
        _view.Place(new PresenceState(run, version, settlesIn, members.Length, 0, [.. members.Select(Member)]), _told);

    private void Accept(long run, long version, string joined, string left) =>
        _view.Accept(new PresenceChange("room", run, version, Members(joined), Members(left)), _told);

    private string Told()
    {
        var told = string.Join(' ', _told.Select(n => (n.Joined ? "+" : "-") + n.Member.Connection).Order(StringComparer.Ordinal));
        _told.Clear();
        return told;
    }

    private static PresenceMember[] Members(string text) => text.Length == 0 ? [] : [.. text.Split(' ').Select(Member)];

    private static PresenceMember Member(string connection) => new(connection, null, default);
}
