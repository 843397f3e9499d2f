using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Channels;

public sealed class ChannelEpochsTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private long _version = 7;

    [Fact]
    public void An_epoch_names_membership_version_and_time()
    {
        var epoch = New().Next();
        Assert.Equal((7, _time.GetUtcNow().ToUnixTimeMilliseconds()), (epoch.MembershipVersion, epoch.StartedAt));
    }

    [Fact]
    public void Epochs_rise_within_a_millisecond_and_when_clock_or_version_go_back()
    {
        var epochs = New();
        var first = epochs.Next();
        var second = epochs.Next();
        _time.AutoAdvanceAmount = TimeSpan.Zero;
        _version = 3;
        var third = epochs.Next();
        Assert.True(first < second && second < third, $"{first} {second} {third}");
        _version = 8;
        Assert.Equal(8, epochs.Next().MembershipVersion);
    }

    [Fact]
    public void An_epoch_made_after_one_was_shown_is_higher_than_it()
    {
        var epochs = New();
        var shown = new ChannelEpoch(9, 1L << 50, ulong.MaxValue);
        epochs.Shown(shown);
        Assert.True(epochs.Next() > shown);
        epochs.Shown(new ChannelEpoch(1, 1, 1)); // a lower one takes nothing back
        Assert.True(epochs.Next() > shown);
    }

    [Fact]
    public void Ids_are_uuids_of_version_7_that_rise_even_when_the_clock_goes_back()
    {
        var ids = new PublicationIds();
        var now = _time.GetUtcNow();
        string[] made = [.. Enumerable.Range(0, 1000).Select(i => ids.Next(now.AddMilliseconds(i % 3 - 1)))];
        Assert.Equal(made.Order(StringComparer.Ordinal), made);
        Assert.Equal(1000, made.Distinct().Count());
        var uuid = Guid.ParseExact(made[0]["evt_".Length..], "N");
        Assert.StartsWith("evt_", made[0], StringComparison.Ordinal);
        Assert.Equal(7, uuid.Version);
        Assert.InRange(uuid.Variant, 8, 11);
        Assert.Equal(now.AddMilliseconds(-1).ToUnixTimeMilliseconds(), Convert.ToInt64(made[0].Substring(4, 12), 16));
    }

    private ChannelEpochs New() => new(() => _version, _time);
}
