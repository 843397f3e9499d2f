using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>
/// Which way of streaming to a front-end, at what latency, throughput, idle cost and time to register? All contenders in one run, round by round
/// in turn, each in a fresh silo; writes <c>results/streams.md</c>.
/// </summary>
internal static class StreamsMeasurement
{
    private const int MaxSamples = 5_000;
    private const int WritesInFlight = 256;
    private static readonly TimeSpan LatencyFor = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan WriteFor = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan IdleFor = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromSeconds(30);

    private static readonly (string Name, Func<StreamContender> Create)[] Contenders =
    [
        ("our provider, implicit subscription (deployed)", () => new OursImplicit()),
        ("our provider, explicit subscription by the hosted client", () => new OursExplicit()),
        ("memory streams, poll 1 ms", () => new MemoryStreams(TimeSpan.FromMilliseconds(1))),
        ("memory streams, defaults (poll 100 ms)", () => new MemoryStreams(null)),
        ("silo without streams", () => new NoStreams()),
    ];

    public static async Task RunAsync(string[] args)
    {
        var rounds = args is [var given, ..] ? int.Parse(given, CultureInfo.InvariantCulture) : 5;
        var results = Contenders.ToDictionary(contender => contender.Name, _ => new List<Round>());
        for (var round = 0; round <= rounds; round++)
        {
            foreach (var (name, create) in Contenders)
            {
                var result = await MeasureAsync(create());
                Console.WriteLine($"round {round}: {name}: {result}");
                if (round > 0) // the first one compiles
                    results[name].Add(result);
            }
        }

        await Results.WriteAsync("streams.md", Table(results, rounds));
    }

    private static async Task<Round> MeasureAsync(StreamContender contender)
    {
        await using (contender)
        {
            await contender.StartAsync();
            if (contender is NoStreams)
                return new Round { IdleCpu = await IdleAsync() };
            var register = await RegisterAsync(contender);
            var idle = await IdleAsync();
            var latencies = await LatenciesAsync(contender, TimeSpan.Zero);
            var afterPause = await LatenciesAsync(contender, TimeSpan.FromMilliseconds(1));
            var throughput = await ThroughputAsync(contender);
            return new Round
            {
                Register = register.TotalMilliseconds,
                IdleCpu = idle,
                P50 = latencies[latencies.Count / 2],
                P99 = latencies[(int)(latencies.Count * 0.99)],
                AfterPauseP50 = afterPause[afterPause.Count / 2],
                Throughput = throughput,
            };
        }
    }

    // From a silo that has just started to the first event received, subscribing included.
    private static async Task<TimeSpan> RegisterAsync(StreamContender contender)
    {
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        contender.Received = _ => first.TrySetResult();
        var began = Stopwatch.GetTimestamp();
        await contender.SubscribeAsync();
        await contender.WriteAsync(Envelope(0));
        await first.Task.WaitAsync(GiveUpAfter);
        return Stopwatch.GetElapsedTime(began);
    }

    private static async Task<double> IdleAsync()
    {
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
        using var process = Process.GetCurrentProcess();
        var (cpu, began) = (process.TotalProcessorTime, Stopwatch.GetTimestamp());
        await Task.Delay(IdleFor, TimeProvider.System);
        process.Refresh();
        return 100 * (process.TotalProcessorTime - cpu) / Stopwatch.GetElapsedTime(began);
    }

    // One at a time: the next is written when the last has arrived. After a pause the thread pool's workers sleep, and waking them is in the figure.
    private static async Task<List<double>> LatenciesAsync(StreamContender contender, TimeSpan pause)
    {
        var samples = new List<double>(MaxSamples);
        TaskCompletionSource<long>? arrival = null;
        contender.Received = _ => arrival!.TrySetResult(Stopwatch.GetTimestamp());
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; samples.Count < MaxSamples && (samples.Count < 20 || Stopwatch.GetElapsedTime(began) < LatencyFor); i++)
        {
            arrival = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            var envelope = Envelope((ulong)i + 1);
            var written = Stopwatch.GetTimestamp();
            var writing = contender.WriteAsync(envelope);
            var arrived = await arrival.Task.WaitAsync(GiveUpAfter);
            await writing;
            samples.Add(Stopwatch.GetElapsedTime(written, arrived).TotalMicroseconds);
            if (pause > TimeSpan.Zero)
                await Task.Delay(pause, TimeProvider.System);
        }

        samples.Sort();
        return samples;
    }

    // One writer, as many as the stream takes; what it skips is not counted. The clock stops when all have arrived.
    private static async Task<double> ThroughputAsync(StreamContender contender)
    {
        long received = 0, accepted = 0, outOfOrder = 0;
        ulong written = 0;
        ulong last = 0;
        contender.Received = envelope =>
        {
            var number = envelope.Publications!.Items[0].Offset;
            if (number < last)
                outOfOrder++;
            last = number;
            Interlocked.Increment(ref received);
        };
        var began = Stopwatch.GetTimestamp();
        var inFlight = new Queue<Task<bool>>();
        while (Stopwatch.GetElapsedTime(began) < WriteFor)
        {
            var writing = contender.WriteAsync(Envelope(++written));
            if (!writing.IsCompletedSuccessfully)
                inFlight.Enqueue(writing.AsTask());
            else if (await writing)
                accepted++;
            else
                await Task.Yield();
            if (inFlight.Count >= WritesInFlight && await inFlight.Dequeue())
                accepted++;
        }

        accepted += (await Task.WhenAll(inFlight)).Count(taken => taken);
        while (Interlocked.Read(ref received) < accepted)
        {
            if (Stopwatch.GetElapsedTime(began) > GiveUpAfter)
                throw new TimeoutException($"{received} of {accepted} arrived.");
            await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        }

        if (outOfOrder > 0 && contender is not MemoryStreams) // those have many writes under way, in no order
            throw new InvalidOperationException($"{outOfOrder} of {accepted} out of order.");
        return received / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    private static StreamEnvelope Envelope(ulong number) => new(
        StreamEnvelope.CurrentVersion,
        new ChannelPublications("notifications", default, [new Publication("evt_01981fcb7a1e7c0e8a8f0123456789ab", number, new byte[100], PayloadShape.Object, default)]),
        null);

    private static string Table(Dictionary<string, List<Round>> results, int rounds)
    {
        var text = new StringBuilder();
        text.AppendLine("# Streaming to a front-end: which provider, which subscription");
        text.AppendLine();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            {DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()):yyyy-MM-dd HH:mm} UTC · {Machine()} · {RuntimeInformation.FrameworkDescription} · commit {Commit()}
            · load of the machine at the end {Load()} · {rounds} rounds, contenders in turn, a fresh silo each; median [lowest – highest round]. One silo, 100-byte payloads, one writer on a plain
            thread, writer and consumer in one process. Repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- streams`.

            | contender | latency p50, µs | latency p99, µs | p50 after 1 ms of silence, µs | events/s | idle CPU, % of a core | first event after start, ms |
            |---|---|---|---|---|---|---|
            """);
        foreach (var (name, list) in results)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {name} | {Cell(list, round => round.P50, "0.0")} | {Cell(list, round => round.P99, "0")} | {Cell(list, round => round.AfterPauseP50, "0")} | {Cell(list, round => round.Throughput, "#,0")} | {Cell(list, round => round.IdleCpu, "0.0")} | {Cell(list, round => round.Register, "0")} |");
        }

        text.AppendLine();
        text.AppendLine("Deployed is implicit subscription: on a par in speed, and it needs no PubSubStore, so nothing is written at start and a dead silo leaves nothing behind.");
        return text.ToString();
    }

    private static string Cell(List<Round> rounds, Func<Round, double> value, string format)
    {
        var sorted = rounds.Select(value).Order().ToArray();
        return double.IsNaN(sorted[0])
            ? "–"
            : string.Create(CultureInfo.InvariantCulture, $"{sorted[sorted.Length / 2].ToString(format, CultureInfo.InvariantCulture)} [{sorted[0].ToString(format, CultureInfo.InvariantCulture)} – {sorted[^1].ToString(format, CultureInfo.InvariantCulture)}]");
    }

    private static string Machine()
    {
        const string CpuInfo = "/proc/cpuinfo";
        var model = File.Exists(CpuInfo) ? File.ReadLines(CpuInfo).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() : null;
        return $"{model ?? RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}";
    }

    private static string Load() => File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";

    private static string Commit()
    {
        using var git = Process.Start(new ProcessStartInfo("git", ["-C", Repository.Root, "describe", "--always", "--dirty"]) { RedirectStandardOutput = true });
        return git?.StandardOutput.ReadToEnd().Trim() ?? "unknown";
    }

    private sealed record Round
    {
        public double P50 { get; init; } = double.NaN;

        public double P99 { get; init; } = double.NaN;

        public double Throughput { get; init; } = double.NaN;

        public double Register { get; init; } = double.NaN;

        public double IdleCpu { get; init; }

        public double AfterPauseP50 { get; init; } = double.NaN;
    }
}
