using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Channels;

namespace OrleansNotify.Tests.Silos;

public sealed class BeatSenderTests
{
    [Fact]
    public async Task Beats_come_by_themselves_one_after_the_other_and_answers_to_any_silo_reach_the_one_that_sent_them()
    {
        await using var cluster = await ChannelCluster.StartAsync(2, settings: [("Beats:Period", "00:00:00.05"), ("Beats:Lease", "00:00:00.5")]);
        var (host, other) = (cluster.Silos[0], cluster.Silos[1]);
        var channel = await host.Host("a", FrontEnds.A.Attach());
        await host.Host("forgotten", FrontEnds.B.Attach());
        var attachments = other.Handle.ServiceProvider.GetRequiredService<IGrainFactory>().GetGrain<IAttachmentsGrain>(host.Address.ToParsableString());
        await channel.Publish(Some.Drafts(1));

        // A answers, B does not. A lease takes at least five beats: with the default period 8 s.
        await Until.True("B's lease has run out", async () =>
        {
            await attachments.Renew(FrontEnds.A, host.Streams.BeatsTo(FrontEnds.A).LastOrDefault()?.Sequence ?? 0);
            return (await attachments.ListChannels(null, 10)).Single(c => c.Name == "forgotten").FrontEnds == 0;
        }, TimeSpan.FromSeconds(6));

        Assert.Equal(1, (await attachments.ListChannels(null, 10)).Single(c => c.Name == "a").FrontEnds);
        Beat[] beats = [.. host.Streams.BeatsTo(FrontEnds.A)];
        Assert.Equal(Enumerable.Range(1, beats.Length).Select(i => (long)i), beats.Select(b => b.Sequence));
        Assert.Equal([("a", 1UL)], beats.SelectMany(b => b.Changed).Select(c => (c.Channel, c.Position.Offset)));
        Assert.Equal(["missing"], await attachments.Reconcile(FrontEnds.A, [new AttachedChannel("a", 1), new AttachedChannel("missing", 2)]));
        Assert.Empty(other.Streams.BeatsTo(FrontEnds.A));
    }

    [Fact]
    public async Task A_silo_that_stops_alone_tells_with_its_last_beat_which_channels_have_ended()
    {
        var cluster = await ChannelCluster.StartAsync(1, settings: [("Beats:Period", "00:00:02")]);
        var silo = cluster.Silos[0];
        await silo.Host("a", FrontEnds.A.Attach());
        await cluster.StopAsync(silo);
        Assert.Equal(["a"], silo.Streams.BeatsTo(FrontEnds.A).Last().Ended);
        await cluster.DisposeAsync();
    }
}
