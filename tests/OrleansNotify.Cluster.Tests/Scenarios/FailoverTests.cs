using OrleansNotify.Cluster.Tests.Rig;
using OrleansNotify.Testing;
using Xunit.Abstractions;

namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>What breaks in a cluster, under load: nothing that was promised may be lost.</summary>
public sealed class FailoverTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Kill_9_of_a_silo_with_front_ends_and_channels()
    {
        await using var store = new DevelopmentBackEnd();
        await using var run = await ClusterRun.StartAsync(output, store);
        run.Note("kill -9 of silo 2");
        await run.Silos[2].KillAsync();
        await run.Seconds(10);
        await run.AllServed();
        var report = await run.FinishAsync();
        Limits.RecoveredInTime(report);
    }

    [Fact]
    public async Task SIGTERM_of_a_silo_loses_nothing_and_no_publisher_sees_an_error_that_one_retry_does_not_cure()
    {
        await using var store = new DevelopmentBackEnd();
        await using var run = await ClusterRun.StartAsync(output, store);
        run.Note("SIGTERM of silo 2");
        Assert.Equal(0, await run.Silos[2].StopAsync(ChildProcess.SigTerm, Limits.Drain));
        run.Note("silo 2 has ended");
        await run.Seconds(3);
        await run.AllServed();
        Limits.NothingWasLost(await run.FinishAsync());
    }
}
