using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using OrleansNotify.Cluster.Tests.Rig;
using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// What the choices behind failover are worth: the same kill -9 of one silo of three under load, with our grain directory and membership options, and with
/// one of them as Orleans has it. Writes <c>results/failover.md</c>.
/// </summary>
internal static class FailoverMeasurement
{
    private const int Channels = 90;
    private const int Placements = 10; // clusters to try for one that shows something
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    public static async Task RunAsync(string[] args)
    {
        var rounds = args is [var given, ..] ? int.Parse(given, CultureInfo.InvariantCulture) : 3;
        var results = FailoverVariant.All.ToDictionary(variant => variant, _ => new List<Outcome>());
        for (var round = 1; round <= rounds; round++)
        {
            foreach (var variant in FailoverVariant.All)
            {
                var outcome = await Measure(variant);
                for (var again = 1; outcome is null && again < Placements; again++)
                    outcome = await Measure(variant);
                results[variant].Add(outcome ?? throw new InvalidOperationException($"In {Placements} clusters no silo had between a sixth and five sixths of the channels."));
                Console.WriteLine($"round {round}: {variant.Name}: {outcome}");
            }
        }
        await Results.WriteAsync("failover.md", Table(results, rounds));
    }

    // Null: placement, which knows the load of new silos only after a while, has left too little to be lost, or too little to be kept.
    private static async Task<Outcome?> Measure(FailoverVariant variant)
    {
        await using var store = await RedisBackEnd.StartAsync();
        var place = new ServerPlace(ServerPlace.Here.Address, ["dotnet", typeof(FailoverMeasurement).Assembly.Location, FailoverVariant.Verb, variant.Name]);
        await using var silos = await Silos.StartAsync(store, [], [place, place, place]);
        using var http = new HttpClient { BaseAddress = silos[0].BaseAddress, Timeout = TimeSpan.FromSeconds(10) };
        using var stop = new CancellationTokenSource();
        var watched = Enumerable.Range(0, Channels).Select(i => new Watched($"failover-{i}")).ToArray();
        var publishing = watched.Select(channel => PublishAll(http, channel, stop.Token)).ToArray();
        await Until.True("all channels to live", () => Task.FromResult(watched.All(channel => !channel.Epochs.IsEmpty)), Patience);
        await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System, stop.Token); // publishers out of step

        var hosts = await Hosts(http);
        // Of the two that nobody publishes at, the one that has more: placement need not be even.
        var (dead, channels) = Enumerable.Range(1, 2).Select(silo => (silo, HostedBy(silos[silo]))).MaxBy(pair => pair.Item2.Count);
        if (channels.Count is < Channels / 6 or > Channels * 5 / 6)
        {
            await stop.CancelAsync();
            await Task.WhenAll(publishing);
            return null;
        }
        var killed = Stopwatch.GetTimestamp();
        await silos[dead].KillAsync();
        await Until.True(
            "every channel to be served again", () => Task.FromResult(watched.All(channel => channel.Served.Any(at => at > killed))), Patience);
        await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System, stop.Token); // what else the change of membership does
        await stop.CancelAsync();
        await Task.WhenAll(publishing);

        var died = watched.Where(channel => channels.Contains(channel.Name)).ToArray();
        var lived = watched.Except(died).ToArray();
        return new Outcome(
            died.Length,
            Median(died.Select(channel => channel.AwayAfter(killed))),
            died.Max(channel => channel.AwayAfter(killed)),
            lived.Length,
            lived.Count(channel => channel.Epochs.Count > 1),
            lived.Max(channel => channel.LongestGapAfter(killed)));

        HashSet<string> HostedBy(ServerProcess silo) =>
            [.. hosts.Where(host => host.Value.Contains($":{silo.SiloPort}:", StringComparison.Ordinal)).Select(host => host.Key)];
    }

    private static async Task PublishAll(HttpClient http, Watched channel, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            try
            {
                using var reply = await http.PostAsJsonAsync("api/events", new { channel = channel.Name, data = new { } }, stop);
                if (reply.StatusCode == HttpStatusCode.Accepted)
                    channel.Accepted((await reply.Content.ReadFromJsonAsync<JsonElement>(stop)).GetProperty("epoch").GetString()!);
                await Task.Delay(Pace, TimeProvider.System, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private static async Task<Dictionary<string, string>> Hosts(HttpClient http) =>
        (await http.GetFromJsonAsync<JsonElement>("api/channels?limit=1000")).GetProperty("channels").EnumerateArray()
            .ToDictionary(channel => channel.GetProperty("channel").GetString()!, channel => channel.GetProperty("silo").GetString()!);

    private static string Table(Dictionary<FailoverVariant, List<Outcome>> results, int rounds)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # Failover

            kill -9 of one of three silos (processes, membership in Redis) that serve {Channels} channels, each with a publisher at another silo that publishes {1 / Pace.TotalSeconds:F0} times a second
            and goes on after whatever answer it gets. Each choice in turn, {rounds} rounds, a fresh cluster each time; median (worst). {RuntimeInformation.FrameworkDescription}, {Environment.ProcessorCount} cores with the load generator.
            To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- failover`.

            *Away*: from the kill to the first acknowledgement on a channel of the dead silo. *Began anew*: channels of the two healthy silos that got another activation, and so a new epoch.
            *Held up*: the longest time without an acknowledgement on a channel of a healthy silo.

            | choice | away, p50 of channels, s | away, last channel, s | healthy channels that began anew | held up, s |
            |---|---|---|---|---|
            """);
        foreach (var (variant, outcomes) in results)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"| {variant.What} | {Spread(outcomes, o => o.AwayP50)} | {Spread(outcomes, o => o.AwayLast)} | {outcomes.Sum(o => o.BeganAnew)} of {outcomes.Sum(o => o.Lived)} | {Spread(outcomes, o => o.HeldUp)} |");
        }
        text.AppendLine("""

            There is no row for PubSubStore: front-end streams are subscribed implicitly, so there are no subscriptions to store (streams.md has the figures of the other ways).
            """);
        return text.ToString();
    }

    private static string Spread(List<Outcome> outcomes, Func<Outcome, double> of) =>
        string.Create(CultureInfo.InvariantCulture, $"{Median(outcomes.Select(of)):F1} ({outcomes.Max(of):F1})");

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private sealed record Outcome(int Died, double AwayP50, double AwayLast, int Lived, int BeganAnew, double HeldUp);

    // Written by its publisher, read while it goes on.
    private sealed class Watched(string name)
    {
        public string Name => name;

        public ConcurrentDictionary<string, bool> Epochs { get; } = new();

        public ConcurrentQueue<long> Served { get; } = new();

        public void Accepted(string epoch)
        {
            Epochs.TryAdd(epoch, true);
            Served.Enqueue(Stopwatch.GetTimestamp());
        }

        public double AwayAfter(long moment) => Stopwatch.GetElapsedTime(moment, Served.First(at => at > moment)).TotalSeconds;

        public double LongestGapAfter(long moment)
        {
            var times = Served.Where(at => at > moment).Prepend(moment).ToArray();
            return times.Zip(times.Skip(1), Stopwatch.GetElapsedTime).Max().TotalSeconds;
        }
    }
}
