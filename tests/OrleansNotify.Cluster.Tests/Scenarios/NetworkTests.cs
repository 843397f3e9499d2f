using OrleansNotify.Cluster.Tests.Rig;
using Xunit.Abstractions;

namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>What happens to the network, under load.</summary>
public sealed class NetworkTests(ITestOutputHelper output)
{
    [NamespaceFact]
    public async Task One_silo_is_cut_off_from_the_others_from_its_clients_and_from_the_store()
    {
        await using var network = await NetworkNamespace.CreateAsync();
        await using var store = await RedisBackEnd.StartAsync(network.Outside);
        await using var run = await ClusterRun.StartAsync(output, store, network);
        run.Note("the last silo's cable is pulled");
        await network.Cut();
        await run.Seconds(15);
        run.Note("the cable is plugged in again");
        await network.Mend();
        await run.All.HasStoppedItself(2);
        await run.Seconds(5);
        await run.AllServed();
        await run.Expect(report => Assert.True(report.Recoveries[0].Never == 0 && report.Told.NewEpochs > 0, report.ToString()));
    }
}
