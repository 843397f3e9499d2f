using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Protocol;

public sealed class ChannelPatternTests
{
    [Theory]
    [InlineData("chat.*", "chat.room1", true)]
    [InlineData("chat.*", "chat", false)]
    [InlineData("chat.*", "chat.a.b", false)]
    [InlineData("chat.*", "chatter.a", false)]
    [InlineData("chat.**", "chat.a", true)]
    [InlineData("chat.**", "chat.a.b.c", true)]
    [InlineData("chat.**", "chat", false)]
    [InlineData("chat.*.typing", "chat.a.typing", true)]
    [InlineData("chat.*.typing", "chat.a.read", false)]
    [InlineData("*", "chat", true)]
    [InlineData("*", "ns:chat", false)]
    [InlineData("**", "chat.a", true)]
    [InlineData("ns:chat.*", "ns:chat.a", true)]
    [InlineData("ns:chat.*", "chat.a", false)]
    [InlineData("chat.**", "chat.a#42", false)]
    [InlineData("**", "$private", false)]
    [InlineData("chat", "chat", true)]
    [InlineData("chat", "chat.a", false)]
    public void A_star_is_one_level_and_two_are_one_or_more(string pattern, string name, bool matches)
    {
        Assert.True(ChannelPattern.TryParse(pattern, out var parsed));
        Assert.Equal(matches, parsed!.Matches(name));
        if (matches)
            Assert.StartsWith(parsed.Prefix, name, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("chat*")]
    [InlineData("chat.**.x")]
    [InlineData("chat..*")]
    [InlineData("n*:chat")]
    [InlineData("$chat.*")]
    [InlineData("@*")]
    [InlineData("two words")]
    public void Other_stars_are_refused(string pattern) => Assert.False(ChannelPattern.TryParse(pattern, out _));

    [Theory]
    [InlineData("chat.*", "chat.*", true)]
    [InlineData("chat.*", "chat.a", true)]
    [InlineData("chat.*", "chat.**", false)]
    [InlineData("chat.**", "chat.*", true)]
    [InlineData("chat.**", "chat.*.a", true)]
    [InlineData("chat.**", "chat", false)]
    [InlineData("chat.a", "chat.*", false)]
    [InlineData("*.a", "chat.a", true)]
    [InlineData("**", "*", true)]
    [InlineData("**", "ns:*", false)]
    [InlineData("ns:**", "ns:a.*", true)]
    public void A_pattern_covers_what_it_matches_in_every_case(string wide, string narrow, bool covers)
    {
        Assert.True(ChannelPattern.TryParse(wide, out var first));
        Assert.True(ChannelPattern.TryParse(narrow, out var second));
        Assert.Equal(covers, first.Covers(second));
    }

    [Fact]
    public void A_covered_pattern_matches_nothing_that_the_covering_one_does_not()
    {
        string[] levels = ["a", "b", "*", "**"];
        var patterns = Texts(levels).Select(text => ChannelPattern.TryParse(text, out var pattern) ? pattern : null).OfType<ChannelPattern>().ToList();
        var names = Texts(["a", "b", "c"]).ToList();
        foreach (var wide in patterns)
        {
            foreach (var narrow in patterns)
            {
                // Names of three levels tell apart all patterns of up to three but "**" at the end of one, which goes on beyond them.
                var isWider = names.Where(narrow.Matches).All(wide.Matches) && !(narrow.Levels[^1] == "**" && wide.Levels[^1] != "**");
                Assert.True(wide.Covers(narrow) == isWider, $"{wide.Text} {narrow.Text}");
            }
        }

        static IEnumerable<string> Texts(string[] levels) =>
            levels.Concat(from a in levels from b in levels select $"{a}.{b}").Concat(from a in levels from b in levels from c in levels select $"{a}.{b}.{c}");
    }
}
