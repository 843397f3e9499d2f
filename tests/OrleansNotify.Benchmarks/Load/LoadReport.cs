using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using OrleansNotify.Benchmarks.Load.Generator;
using OrleansNotify.Benchmarks.Plots;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>Table and plots of a load measurement: medians over the rounds, least and most, and ratios of ours to the others.</summary>
internal sealed class LoadReport(LoadOptions options, IReadOnlyList<LoadResult> results)
{
    private static readonly (string Scenario, int At, string What, Func<Measured, double> Of)[] Rows =
    [
        ("a50", 50, "1 channel × 1,000 subscribers, 50 publications/s: p50 ms", seen => seen.P50 / 1000),
        ("a50", 50, "… p99 ms", seen => seen.P99 / 1000),
        ("a100", 100, "the same at 100 publications/s: p50 ms", seen => seen.P50 / 1000),
        ("a100", 100, "… p99 ms", seen => seen.P99 / 1000),
        ("amax", 0, "the same, 8 publications under way: deliveries/s", seen => seen.DeliveriesPerSecond),
        ("amax", 0, "… cores of the server", seen => seen.ServerCpu),
        ("b", 0, "100 channels × 10 subscribers, 32 publications under way: publications/s", seen => seen.PublicationsPerSecond),
        ("c1", 0, "one publisher, one subscriber, next at answer and delivery: p50 µs", seen => seen.P50),
        ("c1", 0, "… p99 µs", seen => seen.P99),
        ("c64", 0, "64 publishers, next at the answer: publications/s", seen => seen.PublicationsPerSecond),
        ("batch", 1, "100 publications in a POST, into one channel: publications/s", seen => seen.PublicationsPerSecond),
        ("batch", 100, "100 publications in a POST, into 100 channels: publications/s", seen => seen.PublicationsPerSecond),
        ("d", 0, "idle subscribed connections: KiB each", seen => seen.KiBPerConnection),
        ("d", 0, "… connects/s", seen => seen.ConnectsPerSecond),
        ("d", 0, "… one publication to all of them, until the last has it: ms", seen => seen.LastP50 / 1000),
    ];

    private readonly string[] _servers = [.. options.Servers];

    /// <summary>As Markdown.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        var disturbed = results.Count(result => result.Disturbed);
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # Load

            Each server in a process of its own, beside the generator on {Environment.ProcessorCount} cores, loopback, 200-byte messages; {options.Rounds} round{(options.Rounds == 1 ? "" : "s")} interleaved, {options.Seconds} s measured each; median (min–max). {RuntimeInformation.FrameworkDescription}.
            *signalr*: ASP.NET Core SignalR, a group per channel, JSON. *kestrel*: a bare Kestrel WebSocket broadcaster without history, offsets, recovery or cluster. *ours*: as shipped, with all of them on. All with the
            collector's and compiler's settings of our server. Latency counts from the moment a publication was planned. To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- load`.

            Of {results.Sum(result => result.Seen.Published):N0} publications lost {results.Sum(result => result.Seen.Lost):N0}, duplicated {results.Sum(result => result.Seen.Duplicated):N0}, reordered {results.Sum(result => result.Seen.Reordered):N0}, misrouted {results.Sum(result => result.Seen.Misrouted):N0}, refused {results.Sum(result => result.Seen.Refused):N0}; connections closed by a server: {results.Sum(result => result.Seen.Closed):N0}.
            {(disturbed == 0 ? "No measurement was disturbed by other processes." : $"**{disturbed} of {results.Count} measurements were disturbed**: other processes used more than 0.15 cores; their cells are marked ~.")}

            """);
        text.AppendLine(CultureInfo.InvariantCulture, $"| scenario | {string.Join(" | ", _servers)} |{string.Concat(Others.Select(other => $" ours to {other} |"))}");
        text.AppendLine(CultureInfo.InvariantCulture, $"|---|{string.Concat(Enumerable.Repeat("---|", _servers.Length + Others.Length))}");
        foreach (var (scenario, at, what, of) in Rows.Where(row => results.Any(result => Is(result, row.Scenario, row.At))))
            text.AppendLine(Row(what, scenario, at, of));
        var grown = Grown().ToArray();
        if (grown.Length > 0)
        {
            text.AppendLine().AppendLine("How cost grows:").AppendLine();
            text.AppendLine(CultureInfo.InvariantCulture, $"| | {string.Join(" | ", _servers)} |{string.Concat(Others.Select(other => $" ours to {other} |"))}");
            text.AppendLine(CultureInfo.InvariantCulture, $"|---|{string.Concat(Enumerable.Repeat("---|", _servers.Length + Others.Length))}");
            foreach (var row in grown)
                text.AppendLine(row);
        }
        return text.ToString();
    }

    /// <summary>Name of a file and what goes into it, for what was measured.</summary>
    public IEnumerable<(string File, string Svg)> Plots()
    {
        var rate = new PlotAxis("publications/s to 1 channel × 1,000 subscribers");
        if (Plot("curve", "Latency against load", rate, new PlotAxis("latency p99, ms", true), seen => seen.P99 / 1000) is { } latency)
            yield return ("latency.svg", latency);
        if (Plot("subscribers", "Deliveries against subscribers of one channel", new PlotAxis("subscribers", true), new PlotAxis("deliveries/s"), seen => seen.DeliveriesPerSecond) is { } fanOut)
            yield return ("subscribers.svg", fanOut);
        if (Plot("channels", "Publications against channels, one subscriber each", new PlotAxis("channels", true), new PlotAxis("publications/s"), seen => seen.PublicationsPerSecond) is { } channels)
            yield return ("channels.svg", channels);
        if (Plot("connections", "Memory against idle subscribed connections", new PlotAxis("connections"), new PlotAxis("MiB above an idle server"), null) is { } memory)
            yield return ("connections.svg", memory);
    }

    private string[] Others => options.Servers.Contains("ours") ? [.. _servers.Where(server => server != "ours")] : [];

    private IEnumerable<string> Grown()
    {
        foreach (var (scenario, unit, of) in (IEnumerable<(string, string, Func<Measured, double>)>)
        [
            ("curve", "publications/s × 1,000 subscribers: p50 ms", seen => seen.P50 / 1000),
            ("curve", "publications/s × 1,000 subscribers: p99 ms", seen => seen.P99 / 1000),
            ("subscribers", "subscribers: deliveries/s", seen => seen.DeliveriesPerSecond),
            ("channels", "channels: publications/s", seen => seen.PublicationsPerSecond),
            ("connections", "connections: KiB each", seen => seen.KiBPerConnection),
        ])
        {
            foreach (var at in results.Where(result => result.Scenario == scenario).Select(result => result.At).Distinct().Order())
                yield return Row($"{at:N0} {unit}", scenario, at, of);
        }
    }

    private string Row(string what, string scenario, int at, Func<Measured, double> of)
    {
        var cells = _servers.Select(server => Cell(Of(server, scenario, at), of));
        var ratios = Others.Select(other => Of("ours", scenario, at) is { Length: > 0 } ours && Of(other, scenario, at) is { Length: > 0 } theirs && Median(theirs, of) is var divisor and > 0
            ? string.Create(CultureInfo.InvariantCulture, $" {Median(ours, of) / divisor:G2} × |")
            : " |");
        return $"| {what} | {string.Join(" | ", cells)} |{string.Concat(ratios)}";
    }

    private LoadResult[] Of(string server, string scenario, int at) => [.. results.Where(result => result.Server == server && Is(result, scenario, at))];

    private static bool Is(LoadResult result, string scenario, int at) => result.Scenario == scenario && result.At == at;

    private static string Cell(LoadResult[] of, Func<Measured, double> value) => of.Length == 0
        ? "–"
        : $"{(of.Any(result => result.Disturbed) ? "~" : "")}{Short(Median(of, value))} ({Short(of.Min(result => value(result.Seen)))}–{Short(of.Max(result => value(result.Seen)))})";

    private static double Median(LoadResult[] of, Func<Measured, double> value) => of.Select(result => value(result.Seen)).Order().ElementAt(of.Length / 2);

    private static string Short(double number) => number switch
    {
        >= 100_000 => (number / 1000).ToString("F0", CultureInfo.InvariantCulture) + "k",
        >= 1_000 => (number / 1000).ToString("F1", CultureInfo.InvariantCulture) + "k",
        >= 100 => number.ToString("F0", CultureInfo.InvariantCulture),
        >= 10 => number.ToString("F1", CultureInfo.InvariantCulture),
        _ => number.ToString("F2", CultureInfo.InvariantCulture),
    };

    // Of null: the memory of all connections together.
    private string? Plot(string scenario, string title, PlotAxis x, PlotAxis y, Func<Measured, double>? of)
    {
        if (!results.Any(result => result.Scenario == scenario))
            return null;
        var plot = new SvgPlot(title, x, y);
        foreach (var contender in Contender.All) // always in this order: a server keeps its colour
        {
            plot.Add(contender.Name, results.Where(result => result.Scenario == scenario && result.Server == contender.Name).GroupBy(result => result.At).OrderBy(group => group.Key)
                .Select(group => ((double)group.Key, Median([.. group], of ?? (seen => seen.KiBPerConnection * group.Key / 1024)))));
        }
        return plot.Render();
    }
}
