using System.Globalization;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>What was asked for on the command line of <c>load</c>.</summary>
internal sealed record LoadOptions
{
    public const string Help = """
        Usage: dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- load [options]
        Measures our server beside SignalR and two bare Kestrel broadcasters, each a process of its own, in one run. Linux only.

          --quick               a minute: one short round, the main scenarios, 1,000 idle connections, nothing written without --out
          --rounds N            1 – 99: rounds over all servers, each with fresh processes; tables show medians (default 3)
          --seconds S           0.1 – 60: measured per scenario, after a quarter of it to warm up (default 2)
          --scenarios A,B,…     of a50 a100 amax b c1 c64 batch d curve growth (default: all)
          --servers A,B,…       of ours signalr kestrel upgrade (default: all); kestrel: the platform's WebSocket, upgrade: frames made once, over the bare connection
          --subscribers N       1 – 100000: of a50, a100, amax, b and curve (default 1000)
          --connections N       1 – 100000: idle ones of d, and the most of growth (default 10000, and 20000 in growth), as far as this process may open files
          --out FOLDER          where load.md, load.jsonl and the plots go (default: tests/OrleansNotify.Benchmarks/results; replaced)

        a50, a100  1 channel, 1,000 subscribers, 50 or 100 publications a second; latency from the planned moment
        amax       the same, 8 publications under way until the last subscriber has them
        b          100 channels, 1,000 subscribers, 32 publications under way
        c1         1 subscriber, 1 publisher: the next publication after answer and delivery
        c64        1 subscriber, 64 publishers: each publishes again at its answer
        batch      8 publishers of 100 publications in one POST, into 1 and into 100 channels (ours alone has it)
        d          10,000 idle connections in a fresh process: connects/s, memory of each, then 10 publications to all
        curve      latency at rising rates, 1 channel, 1,000 subscribers → latency.svg
        growth     deliveries/s by subscribers, publications/s by channels, memory by connections → subscribers.svg, channels.svg, connections.svg
        """;

    /// <summary>In the order they run.</summary>
    public static readonly string[] AllScenarios = ["a50", "a100", "amax", "b", "c1", "c64", "batch", "d", "curve", "growth"];

    public int Rounds { get; init; } = 3;

    public double Seconds { get; init; } = 2;

    public IReadOnlyList<string> Scenarios { get; init; } = AllScenarios;

    public IReadOnlyList<string> Servers { get; init; } = [.. Contender.All.Select(contender => contender.Name)];

    public int Subscribers { get; init; } = 1000;

    /// <summary>Null: as the scenario has it.</summary>
    public int? Connections { get; init; }

    public bool IsQuick { get; init; }

    public string? Out { get; init; }

    /// <summary>Seconds that a fresh server works for many subscribers, and as long again for few, before anything is measured: the figures are about one that has found its pace.</summary>
    public double Warmth => IsQuick ? Seconds / 2 : Math.Max(2, Seconds);

    /// <summary>About how long it takes on two quiet cores; what others disturb is measured again.</summary>
    public TimeSpan Takes => TimeSpan.FromSeconds(Rounds * Servers.Count * (2 * Warmth + Scenarios.Sum(scenario => scenario switch
    {
        "d" => 5,
        "curve" => 8 * One,
        "growth" => 9 * One + 20 + 4 * Warmth, // connecting
        _ => One,
    })));

    private double One => 1.25 * Seconds + 0.3;

    /// <summary>Reads the arguments.</summary>
    /// <param name="args">Behind the verb.</param>
    /// <param name="options">What they ask for.</param>
    /// <param name="problem">A sentence about the first that is wrong.</param>
    public static bool TryRead(string[] args, out LoadOptions options, out string problem)
    {
        (options, problem) = (new LoadOptions(), "");
        if (args.Contains("--quick"))
            options = options with { IsQuick = true, Rounds = 1, Seconds = 1, Connections = 1000, Scenarios = AllScenarios[..^2] };
        for (var i = 0; i < args.Length && problem.Length == 0; i++)
        {
            var name = args[i];
            if (name == "--quick")
                continue;
            if (name is not ("--rounds" or "--seconds" or "--scenarios" or "--servers" or "--subscribers" or "--connections" or "--out"))
                problem = $"There is no option {name}; --help lists them.";
            else if (i + 1 == args.Length)
                problem = $"{name} wants a value; --help says which.";
            else
                (options, problem) = Set(options, name, args[++i]);
        }
        return problem.Length == 0;
    }

    private static (LoadOptions Options, string Problem) Set(LoadOptions options, string name, string value)
    {
        return name switch
        {
            "--rounds" => Number(1, 99, number => options with { Rounds = (int)number }, whole: true),
            "--seconds" => Number(0.1, 60, number => options with { Seconds = number }, whole: false),
            "--subscribers" => Number(1, 100_000, number => options with { Subscribers = (int)number }, whole: true),
            "--connections" => Number(1, 100_000, number => options with { Connections = (int)number }, whole: true),
            "--scenarios" => Names(AllScenarios, names => options with { Scenarios = names }),
            "--servers" => Names([.. Contender.All.Select(contender => contender.Name)], names => options with { Servers = names }),
            _ => (options with { Out = value }, ""),
        };

        (LoadOptions, string) Number(double least, double most, Func<double, LoadOptions> set, bool whole) =>
            double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number >= least && number <= most && (!whole || number == Math.Floor(number))
                ? (set(number), "")
                : (options, string.Create(CultureInfo.InvariantCulture, $"{name} must be a {(whole ? "whole " : "")}number from {least} to {most}, not {value}."));

        // In the order of the known ones: that is the order they run in.
        (LoadOptions, string) Names(string[] known, Func<string[], LoadOptions> set)
        {
            var given = value.Split(',');
            return given.FirstOrDefault(one => !known.Contains(one)) is { } unknown
                ? (options, $"{name}: there is no {(unknown.Length == 0 ? "empty name" : unknown)}; there are {string.Join(", ", known)}.")
                : (set([.. known.Where(one => given.Contains(one))]), "");
        }
    }
}
