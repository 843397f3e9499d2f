using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using OrleansNotify.Cluster.Tests.History;
using OrleansNotify.Cluster.Tests.Rig;
using OrleansNotify.Cluster.Tests.Scenarios;
using OrleansNotify.Testing;
using Xunit.Abstractions;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// The scenarios of the cluster tests, for longer: random faults on three silos and their store under load, round after round, each judged by the history
/// checker; then a reconnect storm. Ends with the first broken promise. Writes <c>results/chaos.md</c>.
/// </summary>
internal static class ChaosMeasurement
{
    private const int FaultsPerRound = 6; // then a fresh cluster: the checker keeps all that anybody saw

    private static readonly Fault[] Faults =
    [
        new("a silo is killed (kill -9), and started again", async (run, _, silo) =>
        {
            await run.All[silo].KillAsync();
            await run.Seconds(5);
            await run.All[silo].RestartAsync();
        }),
        new("a silo is stopped (SIGTERM), and started again", async (run, _, silo) =>
        {
            await run.All[silo].StopAsync(ChildProcess.SigTerm, Limits.Drain);
            await run.All[silo].RestartAsync();
        }),
        new("a silo stands still for 8 s (SIGSTOP), goes on for 3 s, and is started again", async (run, _, silo) =>
        {
            run.All[silo].Signal(ChildProcess.SigStop);
            await run.Seconds(8);
            run.All[silo].Signal(ChildProcess.SigCont);
            await run.Seconds(3);
            await run.All[silo].KillAsync();
            await run.All[silo].RestartAsync();
        }),
        new("the store is killed (kill -9), and started again 3 s later", async (run, store, _) =>
        {
            await store.StopAsync();
            await run.Seconds(3);
            await store.RestartAsync();
        }),
        new("the store stands still for 3 s (SIGSTOP)", async (run, store, _) =>
        {
            store.Pause();
            await run.Seconds(3);
            store.Resume();
        }),
    ];

    public static async Task RunAsync(string[] args)
    {
        var minutes = args is [var given, ..] ? double.Parse(given, CultureInfo.InvariantCulture) : 10;
        var connections = args is [_, var wanted, ..] ? int.Parse(wanted, CultureInfo.InvariantCulture) : 5_000;
        var seed = Random.Shared.Next();
        Console.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var reports = new List<HistoryReport>();
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began).TotalMinutes < minutes)
            reports.Add(await Round(random));
        var storm = await Storm(connections);
        await Results.WriteAsync("chaos.md", Table(reports, storm, connections, seed, Stopwatch.GetElapsedTime(began)));
    }

    private static async Task<HistoryReport> Round(Random random)
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var run = await ClusterRun.StartAsync(new ConsoleOutput(), store);
        for (var i = 0; i < FaultsPerRound; i++)
        {
            var fault = Faults[random.Next(Faults.Length)];
            run.Note(fault.What);
            await fault.Happens(run, store, random.Next(run.All.All.Count));
            await run.All.AllKnowAll();
            await run.AllServed();
            await run.Seconds(3);
        }
        return await Judged(run);
    }

    private static async Task<HistoryReport> Storm(int connections)
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var run = await ClusterRun.StartAsync(new ConsoleOutput(), store, load => load with { Subscribers = connections, PublishesPerSecond = 24, FrontEnd = 0 });
        run.Note("the storm");
        await run.All[0].KillAsync();
        await run.AllServed();
        await run.Seconds(5);
        return await Judged(run);
    }

    private static async Task<HistoryReport> Judged(ClusterRun run)
    {
        HistoryReport? judged = null;
        await run.Expect(report =>
        {
            judged = report;
            if (report.Recoveries.Any(recovery => recovery.Never > 0))
                throw new InvalidOperationException(report.ToString());
        });
        return judged!;
    }

    private static string Table(List<HistoryReport> rounds, HistoryReport storm, int connections, int seed, TimeSpan took)
    {
        var text = new StringBuilder();
        var load = new Cluster.Tests.Rig.Load(new Dictionary<string, ChannelPromise>());
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # Chaos

            Three silos and a Redis (appendfsync always) as processes, {load.PublishesPerSecond} publishes a second on 12 channels, half of them durable, {load.Subscribers} subscribers that reconnect with jitter
            and recover; {rounds.Sum(r => r.Recoveries.Count)} random faults in {rounds.Count} clusters (seed {seed}), {took.TotalMinutes:F0} minutes with the storm, everything on {Environment.ProcessorCount} cores with the load generator. {RuntimeInformation.FrameworkDescription}.
            To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- chaos`.

            The history checker compared {rounds.Sum(r => (long)r.Attempts.Values.Sum()):N0} attempts to publish and {rounds.Sum(r => (long)r.Deliveries):N0} deliveries:
            **{rounds.Sum(r => r.Violations.Count)} promises broken** (lost, duplicated, reordered, an unexplained gap, an epoch used twice, an outcome that was not true).
            {rounds.Sum(r => r.AbandonedAcks):N0} acknowledged publications of recoverable channels went with killed silos, and their subscribers were told.

            Served again: from the fault until a subscriber has something published after it; of all times that a fault happened the median and the worst.

            | fault | times | p50, s | p99, s | max, s |
            |---|---|---|---|---|
            """);
        foreach (var fault in rounds.SelectMany(r => r.Recoveries).GroupBy(r => r.Fault.What).OrderBy(g => g.Key, StringComparer.Ordinal))
            text.AppendLine(CultureInfo.InvariantCulture, $"| {fault.Key} | {fault.Count()} | {Spread(fault, r => r.P50)} | {Spread(fault, r => r.P99)} | {Spread(fault, r => r.Max)} |");
        var all = storm.Recoveries.Single();
        text.AppendLine(CultureInfo.InvariantCulture, $"""

            # Reconnect storm

            {connections:N0} connections, all on one silo that is killed (kill -9), 24 publishes a second on 12 channels. On the two others they were served again after
            {all.P50.TotalSeconds:F1} s (p50), {all.P99.TotalSeconds:F1} s (p99), {all.Max.TotalSeconds:F1} s (the last); {storm.Told.Recovered:N0} subscriptions recovered what they had missed, {storm.Told.NewEpochs:N0} were told of a new epoch; **{storm.Violations.Count} promises broken**.
            """);
        return text.ToString();
    }

    private static string Spread(IEnumerable<RecoveryTimes> times, Func<RecoveryTimes, TimeSpan> of)
    {
        var sorted = times.Select(t => of(t).TotalSeconds).Order().ToArray();
        return string.Create(CultureInfo.InvariantCulture, $"{sorted[sorted.Length / 2]:F2} ({sorted[^1]:F2})");
    }

    private sealed record Fault(string What, Func<ClusterRun, BackEnd, int, Task> Happens);

    private sealed class ConsoleOutput : ITestOutputHelper
    {
        public void WriteLine(string message) => Console.WriteLine(message);

        public void WriteLine(string format, params object[] args) => Console.WriteLine(format, args);
    }
}
