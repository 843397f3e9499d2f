using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Protocol;

public class PublicationRulesTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(64, true)]
    [InlineData(65, false)]
    public void An_event_name_and_a_tag_have_1_to_64_characters(int length, bool accepted)
    {
        var text = new string('e', length);
        Assert.Equal(accepted, PublicationRules.TryCheckEvent(text, out _));
        Assert.Equal(accepted, PublicationRules.TryCheckTags(["ok", text], out _));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(255, true)]
    [InlineData(256, false)]
    public void An_idempotency_key_has_1_to_255_characters(int length, bool accepted) =>
        Assert.Equal(accepted, PublicationRules.TryCheckIdempotencyKey(new string('k', length), out _));

    [Theory]
    [InlineData(0, true)]
    [InlineData(10, true)]
    [InlineData(11, false)]
    public void There_are_at_most_10_tags(int count, bool accepted) =>
        Assert.Equal(accepted, PublicationRules.TryCheckTags([.. Enumerable.Repeat("t", count)], out _));

    [Fact]
    public void What_breaks_a_line_or_a_character_is_refused()
    {
        foreach (var text in new[] { "a\nb", "\0", "a\u007f", "a\u0085", "\ud800", "a\udc00b", "\udc00\ud800" })
        {
            Assert.False(PublicationRules.TryCheckEvent(text, out var problem));
            Assert.StartsWith("\"event\"", problem, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Any_other_character_is_fine() => Assert.True(PublicationRules.TryCheck("gr\u00fc\u00dfe \ud83d\ude00", ["\u4e2d"], "k 1", out _));

    [Fact]
    public void Nothing_given_is_fine() => Assert.True(PublicationRules.TryCheck(null, null, null, out _));

    [Fact]
    public void A_null_among_the_tags_is_named_by_its_place()
    {
        Assert.False(PublicationRules.TryCheckTags(["a", null], out var problem));
        Assert.Contains("entry 2", problem, StringComparison.Ordinal);
    }
}
