using OrleansNotify.Grains.Patterns;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Patterns;

public sealed class PatternIndexTests
{
    [Fact]
    public void It_finds_what_each_pattern_by_itself_would_match()
    {
        const int Seed = 20261123;
        var random = new Random(Seed);
        var index = new PatternIndex<int>();
        var kept = new List<(ChannelPattern Pattern, int Item)>();
        for (var step = 0; step < 5_000; step++)
        {
            if (kept.Count == 0 || random.Next(5) < 3)
            {
                var text = Text(random, ["a", "b", "c", "*", "**"]);
                if (!ChannelPattern.TryParse(text, out var pattern))
                    continue;
                kept.Add((pattern, step % 50)); // the same on several, and several times on one
                index.Add(pattern, step % 50);
            }
            else
            {
                var at = random.Next(kept.Count);
                index.Remove(kept[at].Pattern, kept[at].Item);
                kept.RemoveAt(at);
            }
            var name = Text(random, ["a", "b", "c", "d"]);
            var found = new List<int>();
            index.Find(name, found);
            Assert.Equal(kept.Where(k => k.Pattern.Matches(name)).Select(k => k.Item).Order(), found.Order());
        }
        foreach (var (pattern, item) in kept)
            index.Remove(pattern, item);
        Assert.True(index.IsEmpty);
    }

    [Theory]
    [InlineData("$a")]
    [InlineData("a#42")]
    [InlineData("#42")]
    [InlineData("@system")]
    [InlineData("a@b")]
    public void Private_channels_those_of_users_and_the_server_s_are_never_found(string name)
    {
        var index = new PatternIndex<int>();
        foreach (var text in new[] { "*", "**" })
        {
            Assert.True(ChannelPattern.TryParse(text, out var pattern));
            index.Add(pattern, 1);
        }
        var found = new List<int>();

        index.Find(name, found);

        Assert.Empty(found);
    }

    private static string Text(Random random, string[] levels) =>
        (random.Next(4) == 0 ? "ns:" : "") + string.Join('.', Enumerable.Range(0, random.Next(1, 5)).Select(_ => levels[random.Next(levels.Length)]));
}
