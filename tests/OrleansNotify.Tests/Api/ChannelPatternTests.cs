using OrleansNotify.AspNetCore.Api;

namespace OrleansNotify.Tests.Api;

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
}
