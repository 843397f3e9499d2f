using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels;

public sealed class DoubtfulSiloTests
{
    [Fact]
    public async Task A_silo_that_stood_still_accepts_no_publications_until_it_knows_that_it_is_a_member()
    {
        var time = new FakeTimeProvider();
        var status = new TaskCompletionSource<SiloStatus>();
        using var pulse = new SiloPulse(_ => status.Task, time, NullLogger<SiloPulse>.Instance);
        await using var cluster = await ChannelCluster.StartAsync(configure: silo => silo.Services.AddSingleton(pulse));
        var channel = cluster.Silos[0].Channel("x");
        Assert.Equal(1UL, (await channel.Publish([Some.Draft("1")])).Single().Position.Offset);

        time.Advance(SiloPulse.MaxPause + SiloPulse.Period);

        Assert.Equal(PublishRefusal.NotAccepted, (await channel.Publish([Some.Draft("2")])).Single().Refusal);
        status.SetResult(SiloStatus.Active);
        await Until.True("the silo is certain again", () => pulse.IsCertain);
        Assert.Equal(2UL, (await channel.Publish([Some.Draft("3")])).Single().Position.Offset);
    }
}
