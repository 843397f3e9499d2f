using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.FrontEnd;

public sealed class TagFilterTests
{
    [Fact]
    public void One_of_its_tags_is_enough()
    {
        var filter = new TagFilter(["b", "a"]);
        Assert.True(filter.Matches(Tagged("x", "a")));
        Assert.True(filter.Matches(Tagged("b")));
        Assert.False(filter.Matches(Tagged("A", "ab", "")));
        Assert.False(filter.Matches(Tagged()));
        Assert.False(filter.Matches(Tagged() with { Tags = null }));
    }

    [Fact]
    public void The_same_tags_are_the_same_filter_in_whatever_order_and_number()
    {
        var filter = new TagFilter(["b", "a"]);
        Assert.Equal(filter, new TagFilter(["a", "b", "a"]));
        Assert.Equal(filter.GetHashCode(), new TagFilter(["a", "b", "a"]).GetHashCode());
        Assert.NotEqual(filter, new TagFilter(["a"]));
        Assert.NotEqual(filter, new TagFilter(["a", "B"]));
    }

    [Fact]
    public void What_either_of_two_wants_is_everything_if_one_wants_everything()
    {
        var filter = new TagFilter(["a"]);
        Assert.Equal(new TagFilter(["a", "b"]), filter.Or(new TagFilter(["b"])));
        Assert.Same(filter, filter.Or(new TagFilter(["a"])));
        Assert.Null(filter.Or(null));
    }

    private static Publication Tagged(params string[] tags) => new("evt_1", 1, "1"u8.ToArray(), PayloadShape.Value, default, Tags: tags);
}
