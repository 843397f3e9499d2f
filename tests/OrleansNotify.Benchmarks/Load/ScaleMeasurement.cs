using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using OrleansNotify.Benchmarks.Load.Generator;
using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// What our server costs where there is much of something: channels, silos, clients that do not read, publications of one channel, or nothing but connections. Each beside
/// the same without it, by turns. Writes <c>results/scale.md</c>, or prints the parts that were asked for.
/// </summary>
internal sealed class ScaleMeasurement(int rounds, string[] parts, CancellationToken cancellationToken)
{
    private const int Channels = 100_000, Connections = 1_000, ChannelsEach = Channels / Connections;
    private const int Audience = 1_000;
    private const int Deaf = 500;
    private const int HotRate = 5_000, QuietChannels = 100;
    private const int Idle = 10_000;

    private static readonly TimeSpan StandsStill = TimeSpan.FromSeconds(60); // two pings to each connection
    private static readonly string[] NoActivationLimit = ["--Notify:Limits:ActivationsPerSecond", "0"];

    private static readonly string[] Parts = ["channels", "silos", "deaf", "hot", "still"];

    private readonly List<Question> _questions = [];

    /// <summary>Runs the verb.</summary>
    /// <returns>The exit code: 1 when something was lost, duplicated, reordered, misrouted or refused.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (!OperatingSystem.IsLinux())
        {
            await Console.Error.WriteLineAsync("scale runs on Linux only: its generator waits with epoll.");
            return 2;
        }
        var rounds = 5;
        var parts = args.Skip(1).ToArray();
        if ((args is [var given, ..] && !(int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out rounds) && rounds is >= 1 and <= 99)) || parts.Except(Parts).Any())
        {
            await Console.Error.WriteLineAsync($"scale takes the number of rounds, 1 to 99, and perhaps parts of it ({string.Join(' ', Parts)}); given: {string.Join(' ', args)}");
            return 2;
        }
        return await Stoppable.RunAsync(stop => new ScaleMeasurement(rounds, parts, stop).RunAsync());
    }

    private async Task<int> RunAsync()
    {
        for (var round = 0; round < rounds; round++)
        {
            await Take("channels", () => ManyChannels(round));
            await Take("silos", () => TwoSilos(round));
            await Take("deaf", () => DoNotRead(round));
            await Take("hot", () => HotChannel(round));
        }
        await Take("still", StandStill);
        if (parts.Length == 0)
            await Results.WriteAsync("scale.md", Table());
        else
            await Console.Out.WriteLineAsync(Table());
        return _questions.All(question => question.Unclean == 0) ? 0 : 1;
    }

    private Task Take(string part, Func<Task> measure) => parts.Length == 0 || parts.Contains(part) ? measure() : Task.CompletedTask;

    // Each in a process of its own: memory that was once in use would count for nothing.
    private async Task ManyChannels(int round)
    {
        var work = new Workload(Connections, Connections, 4) { Rate = 500, Idle = TimeSpan.FromSeconds(1), Warmth = TimeSpan.FromSeconds(1), Time = TimeSpan.FromSeconds(4) };
        var (few, many) = await InTurn(round, () => Measure(work), () => Measure(work with { Channels = Channels, ChannelsEach = ChannelsEach }));
        await using var silo = await Contender.StartPeerAsync("silo");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{silo.Target.Port}/") };
        (await http.PostAsync(new Uri("grains/1", UriKind.Relative), null)).EnsureSuccessStatusCode().Dispose();
        var before = MemoryOf(silo.Target.Processes[0]);
        (await http.PostAsync(new Uri($"grains/{Channels}", UriKind.Relative), null)).EnsureSuccessStatusCode().Dispose();
        var bare = (MemoryOf(silo.Target.Processes[0]) - before) / 1024.0 / Channels;
        var each = (many.KiBPerConnection - few.KiBPerConnection) * Connections / (Channels - Connections);

        Ask($"{Channels:N0} channels with one subscriber each, of {Connections:N0} connections: KiB per channel", "an activation of an empty grain of a bare silo", More(1.5), bare, each, few, many);
        Ask("… latency p50 µs, 500 publications/s", $"{Connections:N0} channels", Times(1.2), few.P50, many.P50);

        async Task<Measured> Measure(Workload of)
        {
            await using var server = await StartAsync(NoActivationLimit);
            Warm(server.Target);
            return Of(of, server.Target);
        }
    }

    private async Task TwoSilos(int round)
    {
        var work = new Workload(Audience, 1, 4) { Rate = 100, Warmth = TimeSpan.FromSeconds(1), Time = TimeSpan.FromSeconds(5) };
        var (one, two) = await InTurn(round, () => Measure(1), () => Measure(2));

        Ask($"publishers at one silo, {Audience:N0} subscribers at another, 100 publications/s: processor µs per delivery, both", "one silo", Times(1.15), CpuPerDelivery(one), CpuPerDelivery(two), one, two);
        Ask("… latency p50 µs", "one silo", Times(1.3), one.P50, two.P50);

        async Task<Measured> Measure(int silos)
        {
            await using var first = await ServerProcess.StartAsync();
            await using var second = silos == 1 ? null : await ServerProcess.StartAsync(primary: $"127.0.0.1:{first.SiloPort}");
            var target = new Target(second?.Port ?? first.Port, first.Port, [.. new[] { first, second }.OfType<ServerProcess>().Select(server => Process.GetProcessById(server.Id))]);
            Warm(target);
            return Of(work, target);
        }

        static double CpuPerDelivery(Measured seen) => seen.ServerCpu * 1e6 / seen.DeliveriesPerSecond;
    }

    // So much that it does not fit in what the kernel holds for a connection (4 MB on loopback, where a segment is 64 KiB) and their outbox: they are ended within the time measured.
    private async Task DoNotRead(int round)
    {
        var work = new Workload(Audience, 1, 4) { Rate = 50, Bytes = 8_000, Warmth = TimeSpan.FromSeconds(1), Time = TimeSpan.FromSeconds(20) };
        var ended = 0;
        var (none, some) = await InTurn(round, () => Measure(work), () => Measure(work with { Deaf = Deaf }));

        Ask($"{Deaf} of {Audience:N0} subscribers never read, 50 publications/s of 8,000 bytes: latency p99 of the others, µs", "all of them read", Times(1.25), none.P99, some.P99, none, some);
        Ask("… ended by the server as too slow", "all of them read", More(Deaf), 0, ended);
        Ask("… MiB of the server at the worst moment", "all of them read", More(Deaf + 64), none.PeakMiB, some.PeakMiB);

        async Task<Measured> Measure(Workload of)
        {
            await using var server = await StartAsync();
            Warm(server.Target);
            var seen = Of(of, server.Target);
            if (of.Deaf > 0)
                ended = await EndedAsSlow(server.Target.Port);
            return seen;
        }
    }

    // notify_closes_total{…code="3008"…} 500 1234567890
    private static async Task<int> EndedAsSlow(int port)
    {
        using var http = new HttpClient();
        var lines = (await http.GetStringAsync(new Uri($"http://127.0.0.1:{port}/metrics"))).Split('\n');
        var closes = Array.Find(lines, line => line.StartsWith("notify_closes", StringComparison.Ordinal) && line.Contains("code=\"3008\"", StringComparison.Ordinal));
        return closes is null ? 0 : int.Parse(closes[(closes.IndexOf('}', StringComparison.Ordinal) + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], CultureInfo.InvariantCulture);
    }

    private async Task HotChannel(int round)
    {
        var quiet = new Workload(QuietChannels, QuietChannels, 4) { Rate = 100, Warmth = TimeSpan.FromSeconds(1), Time = TimeSpan.FromSeconds(5) };
        await using var server = await StartAsync();
        Warm(server.Target);
        var (without, beside) = await InTurn(round, () => Task.FromResult(Of(quiet, server.Target)), () => BesideHot());

        Ask($"{QuietChannels} quiet channels, together 100 publications/s, beside one of {HotRate:N0}/s: latency p99 of the quiet ones, µs", "without it", Times(2), without.P99, beside.P99, without, beside);

        async Task<Measured> BesideHot()
        {
            // Longer than the others at both ends.
            var hot = Task.Run(() => Of(new Workload(1, 1, 16) { Rate = HotRate, Warmth = TimeSpan.FromSeconds(1), Time = quiet.Time + TimeSpan.FromSeconds(2) }, server.Target));
            var seen = Of(quiet, server.Target);
            var rate = (await hot).PublicationsPerSecond;
            if (rate < 0.95 * HotRate)
                throw new InvalidOperationException($"The hot channel had {rate:F0} publications a second only: this machine is too slow for this question.");
            return seen;
        }
    }

    private async Task StandStill()
    {
        await using var silo = await Contender.StartPeerAsync("silo");
        await using var empty = await StartAsync();
        await using var full = await StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{silo.Target.Port}/") };
        (await http.PostAsync(new Uri("grains/1", UriKind.Relative), null)).EnsureSuccessStatusCode().Dispose();
        Warm(empty.Target);
        for (var round = 0; round <= rounds; round++) // the first minute compiles: what a server that stands still does seldom is slow to become hot
        {
            var work = new Workload(Idle, 1, 0) { Idle = StandsStill };
            var bareTime = Usage.TimeOf(silo.Target.Processes[0]);
            var emptyTime = Usage.TimeOf(empty.Target.Processes[0]);
            var began = Stopwatch.GetTimestamp();
            var connected = Of(work, full.Target);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            var bare = (Usage.TimeOf(silo.Target.Processes[0]) - bareTime) / seconds * 100;
            var ours = (Usage.TimeOf(empty.Target.Processes[0]) - emptyTime) / seconds * 100;
            if (round == 0)
                continue;
            Ask("an empty server: % of a core", "a bare silo", More(0.3), bare, ours);
            Ask($"{Idle:N0} idle connections, pinged every 25 s: % of a core", "a bare silo", More(1), bare, connected.IdleCpu * 100, connected);
        }
    }

    private static async Task<(Measured Without, Measured With)> InTurn(int round, Func<Task<Measured>> without, Func<Task<Measured>> with)
    {
        if (round % 2 == 0)
            return (await without(), await with());
        var second = await with();
        return (await without(), second);
    }

    private static async Task<StartedContender> StartAsync(params string[] arguments)
    {
        var server = await ServerProcess.StartAsync(arguments: arguments);
        return new StartedContender(server, server.Port, Process.GetProcessById(server.Id));
    }

    // Compilers and allocators of both sides.
    private void Warm(Target target) => _ = Of(new Workload(100, 1, 8) { Window = 8, Time = TimeSpan.FromSeconds(2) }, target);

    private Measured Of(Workload work, Target target)
    {
        using var run = new Run(work, Dialect.Ours, target);
        return run.Measure(cancellationToken);
    }

    private static long MemoryOf(Process process)
    {
        process.Refresh();
        return process.WorkingSet64;
    }

    private static Bound Times(double factor) => new(factor, 0);

    private static Bound More(double more) => new(1, more);

    private void Ask(string what, string beside, Bound bound, double without, double with, params IReadOnlyList<Measured> seen)
    {
        var question = _questions.Find(question => question.What == what);
        if (question is null)
            _questions.Add(question = new Question(what, beside, bound));
        question.Pairs.Add((without, with));
        question.Unclean += seen.Sum(measured => measured.Refused + measured.Lost + measured.Duplicated + measured.Reordered + measured.Misrouted + measured.Closed);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what}: {with:G4}; {beside}: {without:G4}; bound {bound}: {(bound.Holds(without, with) ? "kept" : "not kept")}{(question.Unclean == 0 ? "" : " NOT CLEAN")}"));
    }

    private string Table()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # Much of something

            Our server as shipped, with much of something and without it, by turns, {rounds} rounds, median (min–max). {RuntimeInformation.FrameworkDescription}, {Environment.ProcessorCount} cores with the load generator. Trust the ratios.
            Every delivery was checked: {_questions.Sum(question => question.Unclean)} lost, duplicated, reordered, misrouted, refused or closed (clients that do not read are ended as too slow: the table says how many were). To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- scale`.

            | what | measured | beside | measured | ratio | difference | bound |
            |---|---|---|---|---|---|---|
            """);
        foreach (var question in _questions)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {question.What} | {Spread(question.Pairs.Select(pair => pair.With))} | {question.Beside} | {Spread(question.Pairs.Select(pair => pair.Without))} | {(question.Pairs.TrueForAll(pair => pair.Without > 0) ? Spread(question.Pairs.Select(pair => pair.With / pair.Without)) : "–")} | {Spread(question.Pairs.Select(pair => pair.With - pair.Without))} | {question.Bound} |");
        }
        return text.ToString();
    }

    private static string Spread(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted.Length == 1 ? Short(sorted[0]) : $"{Short(sorted[sorted.Length / 2])} ({Short(sorted[0])}–{Short(sorted[^1])})";
    }

    private static string Short(double number) => number.ToString(Math.Abs(number) switch { >= 100 => "N0", >= 10 => "N1", _ => "N2" }, CultureInfo.InvariantCulture);

    // With at most without × factor + more.
    private readonly record struct Bound(double Factor, double Greater)
    {
        public bool Holds(double without, double with) => with <= without * Factor + Greater;

        public override string ToString() => Greater > 0 ? string.Create(CultureInfo.InvariantCulture, $"{Greater} more") : string.Create(CultureInfo.InvariantCulture, $"{Factor} ×");
    }

    private sealed record Question(string What, string Beside, Bound Bound)
    {
        public List<(double Without, double With)> Pairs { get; } = [];

        public long Unclean { get; set; }
    }
}
