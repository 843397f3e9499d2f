using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Channels.Presence;

/// <summary>Who is on a channel, as its grain keeps it.</summary>
public sealed class ChannelPresenceTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly ChannelPresence _presence;
    private long _number;

    public ChannelPresenceTests() => _presence = new ChannelPresence("room", 10, _time);

    [Fact]
    public void Who_comes_and_goes_is_told_once_and_counted()
    {
        var first = Take(FrontEnds.A, 0, ["a1:alice", "a2:bob"], []);
        Assert.Equal(("a1 a2", "", 1), Told(first));
        Assert.Equal(("b1", "", 2), Told(Take(FrontEnds.B, 0, ["b1:alice"], [])));
        Assert.Null(Take(FrontEnds.A, _number - 1, ["a1:alice"], ["a9"])); // nothing new in it
        Assert.Equal(("", "a1", 3), Told(Take(FrontEnds.A, _number, [], ["a1"])));

        var state = _presence.State(withMembers: true);
        Assert.Equal((3, 2, 2), (state.Version, state.Total, state.Users));
        Assert.Equal(["a2", "b1"], state.Members!.Select(m => m.Connection).Order());
        Assert.Null(_presence.State(withMembers: false).Members);
        Take(FrontEnds.B, _number, [], ["b1"]);
        Assert.Equal((1, 1), (_presence.State(false).Total, _presence.State(false).Users));
    }

    [Fact]
    public void Who_would_be_one_too_many_is_refused_and_those_who_were_there_stay()
    {
        Assert.Null(Limited(1, 0, "a1", "a2").Refused);
        Assert.Equal(["a4"], Limited(2, 1, "a3", "a4").Refused!);
        Assert.Equal(["b1", "b2"], _presence.Take(Announcement(FrontEnds.B, 3, 0, ["b1", "b2"], []) with { Limit = 3 }, out var nobody).Refused!);
        Assert.Null(nobody);
        Assert.Equal(["a5"], Limited(4, 0, "a1", "a2", "a3", "a5").Refused!); // all of it again
        Assert.Equal("a1 a2 a3", Members());
        Assert.Null(_presence.Take(Announcement(FrontEnds.A, 5, 4, ["a6"], ["a1"]) with { Limit = 3 }, out _).Refused);
        Assert.Equal("a2 a3 a6", Members());

        PresenceReply Limited(long number, long @base, params string[] joined) => _presence.Take(Announcement(FrontEnds.A, number, @base, joined, []) with { Limit = 3 }, out _);
    }

    [Fact]
    public void What_comes_late_counts_for_nothing_and_what_goes_on_from_something_unknown_is_not_taken()
    {
        Take(FrontEnds.A, 0, ["a1"], []);
        Take(FrontEnds.A, _number, ["a2"], []);

        Assert.Equal(PresenceVerdict.Taken, _presence.Take(Announcement(FrontEnds.A, number: 1, 0, ["a9"], ["a1"]), out var late).Verdict);
        Assert.Null(late);
        Assert.Equal(PresenceVerdict.BaseUnknown, _presence.Take(Announcement(FrontEnds.A, number: 9, 7, ["a3"], []), out _).Verdict);
        Assert.Equal(PresenceVerdict.BaseUnknown, _presence.Take(Announcement(FrontEnds.B, number: 9, 8, ["b1"], []), out _).Verdict);

        Assert.Equal("a1 a2", Members());
    }

    [Fact]
    public void A_list_begun_anew_takes_effect_when_it_is_whole()
    {
        Take(FrontEnds.A, 0, ["a1", "a2"], []);
        Take(FrontEnds.B, 0, ["b1"], []);

        Assert.Null(Take(FrontEnds.A, 0, ["a2"], [], more: true));
        Assert.Null(Take(FrontEnds.A, _number, ["a3", "a4"], [], more: true));
        Assert.Equal("a1 a2 b1", Members());
        Assert.Equal(("a3", "a1", 3), Told(Take(FrontEnds.A, _number, [], ["a4"])));

        Assert.Equal("a2 a3 b1", Members());
    }

    [Fact]
    public void The_members_of_a_front_end_end_with_its_attachment()
    {
        Take(FrontEnds.A, 0, ["a1", "a2"], [], watches: true);
        Take(FrontEnds.B, 0, ["b1"], [], watches: true);
        Assert.Equal([FrontEnds.A, FrontEnds.B], _presence.Watching);

        Assert.Equal(("", "a1 a2", 3), Told(_presence.Forget(FrontEnds.A)));

        Assert.Null(_presence.Forget(FrontEnds.A));
        Assert.Equal("b1", Members());
        Assert.Equal([FrontEnds.B], _presence.Watching);
        Take(FrontEnds.B, _number, [], []);
        Assert.Empty(_presence.Watching);
    }

    [Fact]
    public void Beyond_as_many_members_as_are_listed_there_are_counts_and_changes_are_told_again_below()
    {
        Assert.NotNull(Take(FrontEnds.A, 0, [.. Enumerable.Range(0, 10).Select(i => $"a{i}:user{i % 5}")], []));
        Assert.Equal(10, _presence.State(withMembers: true).Members!.Length);

        Assert.Null(Take(FrontEnds.A, _number, ["more:user0"], []));
        var many = _presence.State(withMembers: true);
        Assert.Equal((2, 11, 5, true), (many.Version, many.Total, many.Users, many.Members is null));

        Assert.Equal(("", "a7", 3), Told(Take(FrontEnds.A, _number, [], ["a7"])));
    }

    [Fact]
    public void A_new_activation_has_settled_after_a_while_and_a_moved_one_goes_on()
    {
        Assert.Equal(ChannelPresence.Settling, _presence.State(false).SettlesIn);
        Take(FrontEnds.A, 0, ["a1:alice", "a2:alice"], [], watches: true);
        _time.Advance(TimeSpan.FromSeconds(10));

        var elsewhere = new FakeTimeProvider();
        var moved = new ChannelPresence("room", 10, _presence.Save(), elsewhere);

        var (was, now) = (_presence.State(true), moved.State(true));
        Assert.Equal((was.Run, was.Version, 2, 1), (now.Run, now.Version, now.Total, now.Users));
        Assert.Equal(["a1", "a2"], now.Members!.Select(m => m.Connection).Order());
        Assert.Equal([FrontEnds.A], moved.Watching);
        Assert.Equal(ChannelPresence.Settling - TimeSpan.FromSeconds(10), now.SettlesIn);
        elsewhere.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(TimeSpan.Zero, moved.State(false).SettlesIn);
        Assert.Equal(PresenceVerdict.Taken, moved.Take(Announcement(FrontEnds.A, _number + 1, _number, [], ["a1"]), out var change).Verdict);
        Assert.Equal(("", "a1", 2), Told(change));
    }

    private PresenceChange? Take(SiloAddress frontEnd, long @base, string[] joined, string[] left, bool more = false, bool watches = false)
    {
        Assert.Equal(PresenceVerdict.Taken, _presence.Take(Announcement(frontEnd, ++_number, Base(@base), joined, left, more, watches), out var change).Verdict);
        return change;

        // A test counts the numbers of all front-ends together; each goes on from its own last one.
        long Base(long asked) => asked == 0 ? 0 : _last[frontEnd];
    }

    private readonly Dictionary<SiloAddress, long> _last = [];

    private PresenceAnnouncement Announcement(SiloAddress frontEnd, long number, long @base, string[] joined, string[] left, bool more = false, bool watches = false)
    {
        _last[frontEnd] = number;
        return new(frontEnd, number, @base, [.. joined.Select(Member)], left, more, watches, Asks: false);
    }

    private string Members() => string.Join(' ', _presence.State(true).Members!.Select(m => m.Connection).Order());

    private static PresenceMember Member(string text) => text.Split(':') is [var connection, var user] ? new(connection, user, default) : new(text, null, default);

    private static (string Joined, string Left, long Version) Told(PresenceChange? change)
    {
        Assert.NotNull(change);
        return (Ids(change.Joined), Ids(change.Left), change.Version);

        static string Ids(PresenceMember[] members) => string.Join(' ', members.Select(m => m.Connection).Order());
    }
}
