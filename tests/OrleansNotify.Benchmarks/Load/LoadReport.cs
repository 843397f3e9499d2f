using System.Runtime.InteropServices;
using System.Text;
using OrleansNotify.Benchmarks.Plots;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>Table and plots of a load measurement: medians over the rounds, least and most, and ratios of ours to the others.</summary>
internal sealed class LoadReport(LoadOptions options, IReadOnlyList<LoadResult> results)
{
    private readonly string[] _others = options.Servers.Contains("ours") ? [.. options.Servers.Where(server => server != "ours")] : [];

    /// <summary>As Markdown.</summary>
    public string Table()
    {
        var text = new StringBuilder();
        var disturbed = results.Count(result => result.Disturbed);
        text.AppendLine($"""
            # Load

            Each server in a process of its own, beside the generator on {Environment.ProcessorCount} cores, loopback, 200-byte messages; a fresh server first works {options.Warmth} s for many subscribers and {options.Warmth} s for few, then {options.Seconds} s measured each; {(options.Rounds == 1 ? "one round" : $"{options.Rounds} rounds interleaved, median (min–max)")}. {RuntimeInformation.FrameworkDescription}.
            *signalr*: ASP.NET Core SignalR, a group per channel, JSON. *kestrel*: a bare Kestrel WebSocket broadcaster without history, offsets, recovery or cluster; *upgrade*: the same over the bare connection after the HTTP upgrade, each frame made once. *ours*: as shipped, with all of them on. All with the
            runtime's settings of our server. Latency counts from the moment a publication was planned. In ratios more than 1 × is better for what is per second, less for times, cores and memory. To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- load`.

            Of {results.Sum(result => result.Seen.Published):N0} publications lost {results.Sum(result => result.Seen.Lost):N0}, duplicated {results.Sum(result => result.Seen.Duplicated):N0}, reordered {results.Sum(result => result.Seen.Reordered):N0}, misrouted {results.Sum(result => result.Seen.Misrouted):N0}, refused {results.Sum(result => result.Seen.Refused):N0}; connections closed by a server: {results.Sum(result => result.Seen.Closed):N0}.
            {(disturbed == 0 ? "No measurement was disturbed by other processes." : $"**{disturbed} of {results.Count} measurements were disturbed**: other processes used more than 0.15 cores; their cells are marked ~.")}

            | scenario | {string.Join(" | ", options.Servers)} |{string.Concat(_others.Select(other => $" ours to {other} |"))}
            |---|{string.Concat(Enumerable.Repeat("---|", options.Servers.Count + _others.Length))}
            """);
        foreach (var (scenario, at, what, of) in Rows().Where(row => results.Any(result => Is(result, row.Scenario, row.At))))
            text.AppendLine(Row(what, scenario, at, of));
        var plots = Plots().ToArray();
        if (plots.Length > 0)
            text.AppendLine().AppendLine("A line of latency ends with the first rate that its server did not keep up with.");
        foreach (var (file, title, _) in plots)
            text.AppendLine().AppendLine($"![{title}]({file})");
        return text.ToString();
    }

    /// <summary>Name of a file and what goes into it, for what was measured.</summary>
    public IEnumerable<(string File, string Title, string Svg)> Plots()
    {
        foreach (var (file, scenario, title, x, y, of) in ((string, string, string, PlotAxis, PlotAxis, Func<LoadResult, double>)[])
        [
            ("latency.svg", "curve", "Latency against load", new PlotAxis($"publications/s to 1 channel × {options.Subscribers:N0} subscribers"), new PlotAxis("latency p99, ms", true), result => result.Seen.P99 / 1000),
            ("subscribers.svg", "subscribers", "Deliveries against subscribers of one channel", new PlotAxis("subscribers", true), new PlotAxis("deliveries/s"), result => result.Seen.DeliveriesPerSecond),
            ("channels.svg", "channels", "Publications against channels, one subscriber each", new PlotAxis("channels", true), new PlotAxis("publications/s"), result => result.Seen.PublicationsPerSecond),
            ("connections.svg", "connections", "Memory against idle subscribed connections", new PlotAxis("connections"), new PlotAxis("MiB above an idle server"), MiB),
        ])
        {
            var measured = results.Where(result => result.Scenario == scenario).ToArray();
            if (measured.Length == 0)
                continue;
            var plot = new SvgPlot(title, x, y);
            foreach (var contender in Contender.All) // always in this order: a server keeps its colour
                plot.Add(contender.Name, measured.Where(result => result.Server == contender.Name).GroupBy(result => result.At).OrderBy(group => group.Key).Select(group => ((double)group.Key, Median([.. group], of))));
            yield return (file, title, plot.Render());
        }
    }

    private IEnumerable<(string Scenario, int At, string What, Func<LoadResult, double> Of)> Rows() =>
    [
        ("a50", 50, $"1 channel × {options.Subscribers:N0} subscribers, 50 publications/s: p50 ms", result => result.Seen.P50 / 1000),
        ("a50", 50, "… p99 ms", result => result.Seen.P99 / 1000),
        ("a100", 100, "the same at 100 publications/s: p50 ms", result => result.Seen.P50 / 1000),
        ("a100", 100, "… p99 ms", result => result.Seen.P99 / 1000),
        ("amax", 0, "the same, 8 publications under way: deliveries/s", result => result.Seen.DeliveriesPerSecond),
        ("amax", 0, "… cores of the server", result => result.Seen.ServerCpu),
        ("b", 0, $"{Math.Min(100, options.Subscribers)} channels, {options.Subscribers:N0} subscribers, 32 publications under way: publications/s", result => result.Seen.PublicationsPerSecond),
        ("c1", 0, "one publisher, one subscriber, next at answer and delivery: p50 µs", result => result.Seen.P50),
        ("c1", 0, "… p99 µs", result => result.Seen.P99),
        ("c64", 0, "64 publishers, next at the answer: publications/s", result => result.Seen.PublicationsPerSecond),
        ("batch", 1, "100 publications in a POST, into one channel: publications/s", result => result.Seen.PublicationsPerSecond),
        ("batch", 100, "100 publications in a POST, into 100 channels: publications/s", result => result.Seen.PublicationsPerSecond),
        ("d", 0, "idle subscribed connections: KiB each", result => result.Seen.KiBPerConnection),
        ("d", 0, "… connects/s", result => result.Seen.ConnectsPerSecond),
        ("d", 0, "… one publication to all of them, until the last has it: ms", result => result.Seen.LastP50 / 1000),
        .. Growing("curve", at => $"{at:N0} publications/s to {options.Subscribers:N0} subscribers: p50 ms", result => result.Seen.P50 / 1000),
        .. Growing("curve", at => $"{at:N0} publications/s to {options.Subscribers:N0} subscribers: p99 ms", result => result.Seen.P99 / 1000),
        .. Growing("subscribers", at => $"subscribers of one channel: {at:N0}; 8 publications under way: deliveries/s", result => result.Seen.DeliveriesPerSecond),
        .. Growing("channels", at => $"channels of one subscriber: {at:N0}; 32 publications under way: publications/s", result => result.Seen.PublicationsPerSecond),
        .. Growing("connections", at => $"idle subscribed connections: {at:N0}; all together MiB", MiB),
    ];

    private IEnumerable<(string, int, string, Func<LoadResult, double>)> Growing(string scenario, Func<int, string> what, Func<LoadResult, double> of) =>
        results.Where(result => result.Scenario == scenario).Select(result => result.At).Distinct().Order().Select(at => (scenario, at, what(at), of));

    private string Row(string what, string scenario, int at, Func<LoadResult, double> of)
    {
        var ours = Of("ours", scenario, at);
        var ratios = _others.Select(other => Of(other, scenario, at) is { Length: > 0 } theirs && ours.Length > 0 && Median(theirs, of) is var divisor and > 0
            ? $" {Median(ours, of) / divisor:G2} × |"
            : " |");
        return $"| {what} | {string.Join(" | ", options.Servers.Select(server => Cell(Of(server, scenario, at), of)))} |{string.Concat(ratios)}";
    }

    private LoadResult[] Of(string server, string scenario, int at) => [.. results.Where(result => result.Server == server && Is(result, scenario, at))];

    private static bool Is(LoadResult result, string scenario, int at) => result.Scenario == scenario && result.At == at;

    private static double MiB(LoadResult connections) => connections.Seen.KiBPerConnection * connections.At / 1024;

    private static string Cell(LoadResult[] of, Func<LoadResult, double> value)
    {
        if (of.Length == 0)
            return "–";
        var spread = of.Length == 1 ? "" : $" ({Short(of.Min(value))}–{Short(of.Max(value))})";
        return $"{(of.Any(result => result.Disturbed) ? "~" : "")}{Short(Median(of, value))}{spread}";
    }

    private static double Median(LoadResult[] of, Func<LoadResult, double> value) => of.Select(value).Order().ElementAt(of.Length / 2);

    private static string Short(double number) => number switch
    {
        >= 100_000 => $"{number / 1000:F0}k",
        >= 1_000 => $"{number / 1000:F1}k",
        >= 100 => $"{number:F0}",
        >= 10 => $"{number:F1}",
        _ => $"{number:F2}",
    };
}
