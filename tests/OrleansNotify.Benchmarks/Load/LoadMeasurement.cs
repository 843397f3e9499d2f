using System.Globalization;
using System.Text.Json;
using OrleansNotify.Benchmarks.Load.Generator;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// Our server beside SignalR and a bare Kestrel socket, each a process of its own, with the same work on the same machine in one run. Writes
/// <c>load.md</c>, <c>load.jsonl</c> and the plots.
/// </summary>
internal sealed class LoadMeasurement(LoadOptions options, CancellationToken cancellationToken)
{
    private const double QuietCores = 0.15; // what other processes may use before a measurement counts as disturbed
    private const int Tries = 3; // of a disturbed one; the quietest is kept
    private const int FewIdle = 10_000, ManyIdle = 20_000;
    private const int OwnFiles = 400; // open files of this process, and of a server, that are no connections

    private static readonly int[] Rates = [10, 25, 50, 100, 150, 200, 300, 400];
    private static readonly int[] Audiences = [10, 100, 1_000, 10_000];
    private static readonly int[] ChannelCounts = [1, 10, 100, 1_000, 10_000];
    private static readonly int[] ConnectionCounts = [1, 1_000, 5_000, 10_000, ManyIdle];

    private readonly List<LoadResult> _results = [];
    private readonly Contender[] _contenders = [.. Contender.All.Where(contender => options.Servers.Contains(contender.Name))];
    private readonly int _most = Math.Max(1, MostOpenFiles() - OwnFiles);

    /// <summary>Runs the verb.</summary>
    /// <returns>The exit code: 1 when our server lost, duplicated, reordered, misrouted, refused or closed something. What another does stands in the table.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is ["--help"])
        {
            Console.WriteLine(LoadOptions.Help);
            return 0;
        }
        if (!LoadOptions.TryRead(args, out var options, out var problem))
        {
            await Console.Error.WriteLineAsync(problem);
            return 2;
        }
        if (!OperatingSystem.IsLinux())
        {
            await Console.Error.WriteLineAsync("load runs on Linux only: its generator waits with epoll, and reads what others used from /proc.");
            return 2;
        }
        return await Stoppable.RunAsync(stop => new LoadMeasurement(options, stop).RunAsync());
    }

    private async Task<int> RunAsync()
    {
        if (!AppContext.BaseDirectory.Contains("Release", StringComparison.Ordinal))
            Console.WriteLine("This is no Release build: its figures say nothing.");
        Console.WriteLine($"{options.Rounds} round{(options.Rounds == 1 ? "" : "s")} over {string.Join(", ", options.Servers)}; {string.Join(", ", options.Scenarios)}: about {options.Takes.TotalMinutes:F1} minutes.");
        for (var round = 0; round < options.Rounds; round++)
        {
            // Rounds over all servers, each time another one first: a machine that drifts does so for all alike.
            for (var i = 0; i < _contenders.Length; i++)
                await Round(round + 1, _contenders[(i + round) % _contenders.Length]);
        }
        var report = new LoadReport(options, _results);
        var table = report.Table();
        Console.WriteLine(table);
        if (options.Out is not null || !options.IsQuick)
        {
            var folder = Directory.CreateDirectory(options.Out ?? Results.Folder).FullName;
            await File.WriteAllTextAsync(Path.Combine(folder, "load.md"), table, cancellationToken);
            await File.WriteAllLinesAsync(Path.Combine(folder, "load.jsonl"), _results.Select(result => JsonSerializer.Serialize(result)), cancellationToken);
            foreach (var (name, _, svg) in report.Plots())
                await File.WriteAllTextAsync(Path.Combine(folder, name), svg, cancellationToken);
        }
        return _results.All(result => result.Seen.IsClean || result.Server != Contender.All[0].Name) ? 0 : 1;
    }

    private async Task Round(int round, Contender contender)
    {
        var busy = options.Scenarios.Where(scenario => scenario is not "d" and not "growth").ToArray();
        if (busy.Length > 0)
        {
            await using var server = await contender.StartAsync();
            Warm(contender, server);
            foreach (var scenario in busy)
                Scenario(round, contender, server, scenario);
        }
        if (options.Scenarios.Contains("d"))
        {
            await using var server = await contender.StartAsync();
            ConnectFirst(contender, server);
            Measure(round, contender, server, "d", 0, Idle(Math.Min(_most, options.Connections ?? FewIdle)) with { Publishers = 1, Rate = 5, Most = 10 });
        }
        if (options.Scenarios.Contains("growth"))
            await Growth(round, contender);
    }

    private void Scenario(int round, Contender contender, StartedContender server, string scenario)
    {
        var crowd = Timed(new Workload(Math.Min(_most, options.Subscribers), 1, 4));
        switch (scenario)
        {
            case "a50":
                Measure(round, contender, server, scenario, 50, crowd with { Rate = 50 });
                break;
            case "a100":
                Measure(round, contender, server, scenario, 100, crowd with { Rate = 100 });
                break;
            case "amax":
                Measure(round, contender, server, scenario, 0, crowd with { Publishers = 8, Window = 8 });
                break;
            case "b":
                Measure(round, contender, server, scenario, 0, crowd with { Channels = Math.Min(100, crowd.Subscribers), Publishers = 32, Window = 32 });
                break;
            case "c1":
                Measure(round, contender, server, scenario, 0, Timed(new Workload(1, 1, 1) { Window = 1 }));
                break;
            case "c64":
                Measure(round, contender, server, scenario, 0, Timed(new Workload(1, 1, 64)));
                break;
            case "batch" when contender.Dialect.HasBatches:
                // So many under way that they fit into the outbox of a subscriber, whoever is late.
                foreach (var channels in (int[])[1, 100])
                    Measure(round, contender, server, scenario, channels, Timed(new Workload(channels, channels, 8) { Batch = 100, Window = 1_600 }));
                break;
            case "curve":
                foreach (var rate in Rates)
                {
                    var seen = Measure(round, contender, server, scenario, rate, crowd with { Rate = rate });
                    if (seen.PublicationsPerSecond < 0.95 * rate)
                        break; // it does not keep up: beyond this the wait has no end, and so no figure
                }
                break;
        }
    }

    private async Task Growth(int round, Contender contender)
    {
        await using (var server = await contender.StartAsync())
        {
            Warm(contender, server);
            foreach (var audience in Audiences.Where(audience => audience <= _most))
                Measure(round, contender, server, "subscribers", audience, Timed(new Workload(audience, 1, 8) { Window = 8 }));
        }
        await using (var server = await contender.StartAsync())
        {
            Warm(contender, server);
            foreach (var channels in ChannelCounts.Where(channels => channels <= _most))
                Measure(round, contender, server, "channels", channels, Timed(new Workload(channels, channels, 32) { Window = 32 }));
        }
        foreach (var connections in ConnectionCounts.Select(count => Math.Min(count, options.Connections ?? count)).Select(count => Math.Min(count, _most)).Distinct())
        {
            await using var server = await contender.StartAsync(); // a fresh process: memory that was once in use would count for nothing
            ConnectFirst(contender, server);
            Measure(round, contender, server, "connections", connections, Idle(connections));
        }
    }

    private Workload Timed(Workload work) => work with { Time = TimeSpan.FromSeconds(options.Seconds), Warmth = TimeSpan.FromSeconds(options.Seconds / 4) };

    private static Workload Idle(int connections) =>
        new(connections, 1, 0) { Warmth = TimeSpan.Zero, Time = TimeSpan.FromSeconds(4), Idle = TimeSpan.FromSeconds(0.7) };

    // What the first connection has a server load and compile is not the memory of a connection.
    private void ConnectFirst(Contender contender, StartedContender server)
    {
        using var run = new Run(new Workload(1, 1, 1) { Window = 1, Most = 10 }, contender.Dialect, server.Target);
        run.Measure(cancellationToken);
    }

    // Compilers and allocators of both sides.
    private void Warm(Contender contender, StartedContender server)
    {
        foreach (var work in (Workload[])[new(Math.Min(_most, Math.Min(500, options.Subscribers)), 1, 8) { Window = 8 }, new(10, 10, 32)])
        {
            using var run = new Run(work with { Warmth = TimeSpan.Zero, Time = TimeSpan.FromSeconds(options.Warmth) }, contender.Dialect, server.Target);
            run.Measure(cancellationToken);
        }
    }

    private Measured Measure(int round, Contender contender, StartedContender server, string scenario, int at, Workload work)
    {
        Measured? quietest = null;
        for (var i = 0; i < (options.IsQuick ? 1 : Tries); i++)
        {
            using var run = new Run(work, contender.Dialect, server.Target);
            var seen = run.Measure(cancellationToken);
            if (quietest is null || !seen.IsClean || (quietest.IsClean && seen.ForeignCpu < quietest.ForeignCpu))
                quietest = seen;
            // In a fresh process something happens once only; and what is not clean is to be seen.
            if (seen.ForeignCpu <= QuietCores || !seen.IsClean || scenario is "d" or "connections")
                break;
        }
        _results.Add(new LoadResult(round, contender.Name, scenario, at, work.Publishers > 0 && quietest!.ForeignCpu > QuietCores, quietest!));
        var figures = work.Publishers == 0
            ? $"{quietest!.KiBPerConnection:F1} KiB each, {quietest.ConnectsPerSecond:F0} connects/s"
            : $"{quietest!.PublicationsPerSecond:F0} publications/s, {quietest.DeliveriesPerSecond:F0} deliveries/s, p50 {quietest.P50:F0} µs, p99 {quietest.P99:F0} µs, server {quietest.ServerCpu:F2}, generator {quietest.GeneratorCpu:F2}, others {quietest.ForeignCpu:F2} cores";
        Console.WriteLine($"round {round} {contender.Name} {scenario}{(at > 0 ? $" {at}" : "")}: {figures}{(quietest.IsClean ? "" : " NOT CLEAN")}");
        return quietest;
    }

    // .NET raises its limit to what it may have; so does a server.
    private static int MostOpenFiles()
    {
        var line = File.ReadLines("/proc/self/limits").First(line => line.StartsWith("Max open files", StringComparison.Ordinal));
        return int.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4], NumberStyles.None, CultureInfo.InvariantCulture, out var most) ? most : int.MaxValue; // "unlimited"
    }
}

/// <summary>One measurement, one JSON line.</summary>
/// <param name="Round">From 1.</param>
/// <param name="Server">Whose.</param>
/// <param name="Scenario">Which; <c>subscribers</c>, <c>channels</c> and <c>connections</c> are those of growth.</param>
/// <param name="At">The rate of a curve, the size in growth, the channels of a batch; else 0.</param>
/// <param name="Disturbed">Whether other processes used more of the machine than a measurement bears.</param>
/// <param name="Seen">What was seen.</param>
internal sealed record LoadResult(int Round, string Server, string Scenario, int At, bool Disturbed, Measured Seen);
