using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels;

namespace OrleansNotify.Tests.Channels;

public sealed class RateLimitTests
{
    private readonly FakeTimeProvider _time = new();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(100)]
    [InlineData(100_000)]
    public void One_second_s_worth_at_once_and_then_one_by_one(int perSecond)
    {
        var rate = new RateLimit(perSecond, _time);
        Assert.Equal(perSecond, Take(rate));

        _time.Advance(TimeSpan.FromSeconds(1) / perSecond);
        Assert.Equal(1, Take(rate));
        _time.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(perSecond / 2, Take(rate));
    }

    [Fact]
    public void However_long_it_rested_it_gives_no_more_than_one_second_s_worth()
    {
        var rate = new RateLimit(100, _time);
        foreach (var rest in new[] { 1.5, 0, 3_600, 0 })
        {
            _time.Advance(TimeSpan.FromSeconds(rest));
            Assert.Equal(rest > 0 ? 100 : 0, Take(rate));
        }
    }

    private static int Take(RateLimit rate)
    {
        var taken = 0;
        while (rate.TryTake())
            taken++;
        return taken;
    }
}
