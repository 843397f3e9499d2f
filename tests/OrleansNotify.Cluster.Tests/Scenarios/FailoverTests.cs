using OrleansNotify.Cluster.Tests.Rig;
using OrleansNotify.Testing;
using Xunit.Abstractions;

namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>What happens to silos, under load. The history checker looks for what was promised and broken; each test adds what its own fault may cost at most.</summary>
public sealed class FailoverTests(ITestOutputHelper output)
{
    [Fact]
    public Task Kill_9_of_a_silo_with_front_ends_and_channels() => Scenario.Play(output, async () =>
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var run = await ClusterRun.StartAsync(output, store);
        run.Note("kill -9 of silo 1");
        await run.All[1].KillAsync();
        await run.Seconds(10);
        await run.AllServed();
        await run.Expect(report =>
        {
            Assert.True(report.Told.NewEpochs > 0, "The silo hosted recoverable channels: their subscribers must be told that they began anew.");
            Limits.RecoveredInTime(report);
        });
    });

    [Fact]
    public async Task SIGTERM_of_a_silo_loses_nothing_and_no_publisher_sees_an_error_that_one_retry_does_not_cure()
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var run = await ClusterRun.StartAsync(output, store);
        run.Note("SIGTERM of silo 1");
        Assert.Equal(0, await run.All[1].StopAsync(ChildProcess.SigTerm, Limits.Drain));
        run.Note("silo 1 has ended");
        await run.Seconds(3);
        await run.AllServed();
        await run.Expect(Limits.NothingWasLost);
    }

    [Fact]
    public async Task Rolling_restart_of_all_silos_loses_nothing_and_no_publisher_sees_an_error_that_one_retry_does_not_cure()
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var run = await ClusterRun.StartAsync(output, store, "--Notify:Limits:Drain=00:00:06"); // 20 s three times is more than CI has
        for (var i = 0; i < run.All.All.Count; i++)
        {
            run.Note($"SIGTERM of silo {i}");
            Assert.Equal(0, await run.All[i].StopAsync(ChildProcess.SigTerm, Limits.Drain));
            await run.All[i].RestartAsync();
            run.Note($"silo {i} is back");
            await run.All.AllKnowAll();
        }

        await run.Seconds(3);
        await run.AllServed();
        await run.Expect(Limits.NothingWasLost);
    }

    [Fact]
    public async Task A_silo_that_stands_still_for_15_s_and_wakes_up_again()
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var run = await ClusterRun.StartAsync(output, store);
        run.Note("SIGSTOP of silo 1");
        run.All[1].Signal(ChildProcess.SigStop);
        await run.Seconds(15);
        run.Note("SIGCONT of silo 1");
        run.All[1].Signal(ChildProcess.SigCont);
        await run.All.HasStoppedItself(1);
        await run.Seconds(5);
        await run.AllServed();
        await run.Expect(report => Assert.True(report.Recoveries[0].Never == 0, report.ToString()));
    }

    [Fact]
    public async Task Kill_9_of_all_silos_and_restart()
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var run = await ClusterRun.StartAsync(output, store);
        run.Note("kill -9 of all silos");
        await Task.WhenAll(run.All.All.Select(silo => silo.KillAsync()));
        await Task.WhenAll(run.All.All.Select(silo => silo.RestartAsync()));
        run.Note("all are back");
        await run.AllServed();
        await run.Seconds(5);
        await run.Expect(report => Assert.True(report.Recoveries.All(recovery => recovery.Never == 0), report.ToString()));
    }
}
