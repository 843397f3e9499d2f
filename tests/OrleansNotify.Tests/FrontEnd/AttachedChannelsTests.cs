using System.Net;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Tests.FrontEnd;

public class AttachedChannelsTests
{
    private static readonly SiloAddress Host = SiloAddress.New(IPAddress.Loopback, 1, 1);
    private static readonly SiloAddress Other = SiloAddress.New(IPAddress.Loopback, 2, 1);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void One_misfit_may_be_a_call_under_way_two_in_a_row_are_a_difference()
    {
        var attached = new AttachedChannels(_time);
        attached.Attached("a", Host, 1);

        Assert.Equal(BeatVerdict.Fits, attached.Heard(Beat(1, 0, 0)));
        Assert.Equal(BeatVerdict.Differs, attached.Heard(Beat(2, 0, 0)));
        Assert.Equal(BeatVerdict.Fits, attached.Heard(Beat(3, 1, AttachmentHash.Of("a", 1))));
        Assert.Equal(BeatVerdict.Fits, attached.Heard(Beat(4, 0, 0)));
    }

    [Fact]
    public void A_beat_missing_from_the_row_is_seen()
    {
        var attached = new AttachedChannels(_time);
        attached.Attached("a", Host, 1);
        var hash = AttachmentHash.Of("a", 1);
        Assert.Equal(BeatVerdict.Fits, attached.Heard(Beat(7, 1, hash)));

        Assert.Equal(BeatVerdict.Missed, attached.Heard(Beat(9, 1, hash)));
        Assert.Equal(BeatVerdict.Fits, attached.Heard(Beat(10, 1, hash)));
    }

    [Fact]
    public void A_channel_that_moved_counts_only_where_it_is_now()
    {
        var attached = new AttachedChannels(_time);
        attached.Attached("a", Host, 1);
        attached.Detached("a", Host, 1);
        attached.Attached("a", Other, 2);

        Assert.Equal(BeatVerdict.Fits, attached.Heard(Beat(1, 0, 0)));
        Assert.Equal(BeatVerdict.Fits, attached.Heard(Beat(2, 0, 0)));
    }

    [Fact]
    public void Silence_is_noticed_after_six_seconds_and_only_where_channels_of_ours_live()
    {
        var attached = new AttachedChannels(_time);
        attached.Attached("a", Host, 1);
        attached.Attached("b", Other, 1);
        attached.Detached("b", Other, 1);
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Empty(attached.TakeSilent());

        _time.Advance(TimeSpan.FromMilliseconds(1));

        Assert.Equal([Host], attached.TakeSilent());
        Assert.Empty(attached.TakeSilent());
    }

    [Fact]
    public async Task A_list_is_whole_when_every_lane_has_added_its_part()
    {
        var listing = new AttachedListing(Host, lanes: 2);
        listing.Add([new("a", 1)]);
        Assert.False(listing.Whole.IsCompleted);

        listing.Add([new("b", 2), new("c", 3)]);

        Assert.Equal([new("a", 1), new("b", 2), new("c", 3)], await listing.Whole);
    }

    private static Beat Beat(long sequence, int count, ulong hash) => new(Host, sequence, [], [], count, hash);
}
