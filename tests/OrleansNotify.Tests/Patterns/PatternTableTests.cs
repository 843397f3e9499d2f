using OrleansNotify.Grains.Patterns;
using OrleansNotify.Tests.Channels;

namespace OrleansNotify.Tests.Patterns;

public sealed class PatternTableTests
{
    private readonly PatternTable _table = new();

    [Fact]
    public void It_knows_who_wants_a_channel()
    {
        Assert.True(_table.Change(FrontEnds.A, 1, ["a.*", "a.**"], []));
        Assert.True(_table.Change(FrontEnds.B, 1, ["a.*"], []));
        Assert.Equal([FrontEnds.A, FrontEnds.B], _table.Wanting("a.x").Order());
        Assert.Equal([FrontEnds.A], _table.Wanting("a.x.y"));

        Assert.True(_table.Change(FrontEnds.A, 2, [], ["a.**"]));
        Assert.Empty(_table.Wanting("a.x.y"));
        _table.Forget(FrontEnds.A);
        Assert.Equal([FrontEnds.B], _table.Wanting("a.x"));
    }

    [Fact]
    public void A_change_that_came_already_changes_nothing_and_one_behind_a_gap_is_not_taken()
    {
        Assert.True(_table.Change(FrontEnds.A, 1, ["a.*"], []));
        Assert.True(_table.Change(FrontEnds.A, 2, [], ["a.*"]));

        Assert.True(_table.Change(FrontEnds.A, 1, ["a.*"], [])); // overtaken
        Assert.Empty(_table.Wanting("a.x"));
        Assert.False(_table.Change(FrontEnds.A, 4, ["b.*"], []));
        Assert.Empty(_table.Wanting("b.x"));
    }

    [Fact]
    public void All_of_a_front_end_takes_the_place_of_what_is_older_and_of_nothing_newer()
    {
        _table.Change(FrontEnds.A, 1, ["a.*", "b.*"], []);
        _table.Replace(FrontEnds.A, new FrontEndPatterns(5, ["b.*", "c.*"]));
        Assert.Equal([0, 1, 1], new[] { "a.x", "b.x", "c.x" }.Select(channel => _table.Wanting(channel).Length));

        _table.Replace(FrontEnds.A, new FrontEndPatterns(4, []));
        Assert.Single(_table.Wanting("b.x"));
        Assert.True(_table.Change(FrontEnds.A, 6, [], ["b.*"]));
        Assert.Empty(_table.Wanting("b.x"));
    }

    [Fact]
    public void A_pattern_of_a_later_version_that_cannot_be_read_matches_nothing_and_harms_nothing()
    {
        Assert.True(_table.Change(FrontEnds.A, 1, ["a.{x,y}", "a.*"], []));
        Assert.Equal([FrontEnds.A], _table.Wanting("a.x"));
        Assert.True(_table.Change(FrontEnds.A, 2, [], ["a.{x,y}", "a.*"]));
        Assert.Empty(_table.Wanting("a.x"));
    }
}
