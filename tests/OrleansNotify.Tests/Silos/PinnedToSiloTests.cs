using OrleansNotify.Grains.Silos;
using OrleansNotify.Tests.Streaming;

namespace OrleansNotify.Tests.Silos;

public class PinnedToSiloTests
{
    [Fact]
    public async Task A_front_end_grain_answers_from_the_silo_in_its_key_whoever_asks()
    {
        await using var cluster = await StreamCluster.StartAsync(3);
        foreach (var asking in cluster.Silos)
        {
            foreach (var asked in cluster.Silos)
            {
                var grain = asking.Grains().GetGrain<IFrontEndGrain>(asked.SiloAddress.ToParsableString());
                Assert.Equal(asked.SiloAddress.ToParsableString(), (await grain.List(default)).Single().Transport);
                Assert.True(await grain.Disconnect(1));
                Assert.False(await grain.Disconnect(2));
            }
        }
    }

    [Fact]
    public async Task A_call_to_a_silo_that_is_not_active_fails_and_names_it()
    {
        await using var cluster = await StreamCluster.StartAsync(1);
        var grain = cluster.Silos[0].Grains().GetGrain<IFrontEndGrain>("127.0.0.1:1@1");

        var problem = await Assert.ThrowsAnyAsync<Exception>(async () => await grain.List(default).AsTask().WaitAsync(TimeSpan.FromSeconds(20)));

        Assert.Contains("127.0.0.1:1", problem.ToString(), StringComparison.Ordinal);
        Assert.Contains("not active", problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_key_that_is_no_silo_address_fails_and_says_so()
    {
        await using var cluster = await StreamCluster.StartAsync(1);
        var grain = cluster.Silos[0].Grains().GetGrain<IFrontEndGrain>("nonsense");

        var problem = await Assert.ThrowsAnyAsync<Exception>(async () => await grain.List(default).AsTask().WaitAsync(TimeSpan.FromSeconds(20)));

        Assert.Contains("not a silo address", problem.ToString(), StringComparison.Ordinal);
    }
}
