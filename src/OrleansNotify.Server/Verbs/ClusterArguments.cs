using System.Globalization;
using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Server.Verbs;

/// <summary>What the <c>cluster</c> verb starts.</summary>
/// <param name="Silos">How many silos. Default 3; 1 to 16.</param>
/// <param name="Store">Where membership and durable channels are kept. Default Azurite.</param>
/// <param name="Port">HTTP port of the first silo; the others follow. Default 3000.</param>
/// <param name="Folder">For logs and the store's data. Default <c>data/cluster</c>, below the working directory.</param>
/// <param name="ForSilos">Settings, and <c>--insecure</c>: each silo gets them.</param>
internal sealed record ClusterArguments(int Silos, LocalStoreKind Store, int Port, string Folder, IReadOnlyList<string> ForSilos)
{
    private const int MostSilos = 16;

    /// <summary>Reads <c>--silos N --store azurite|redis --port N --folder F</c>; settings such as <c>--Notify:Namespaces:news:HistorySize 10</c> are for the silos.</summary>
    /// <exception cref="StartException">One of them cannot be.</exception>
    public static ClusterArguments Parse(string[] args)
    {
        var read = new ClusterArguments(3, LocalStoreKind.Azurite, 3000, Path.Combine("data", "cluster"), []);
        var others = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--silos":
                    read = read with { Silos = Number(args, ++i, 1, MostSilos) };
                    break;
                case "--port":
                    read = read with { Port = Number(args, ++i, 1, 65535 - MostSilos) };
                    break;
                case "--folder":
                    read = read with { Folder = Value(args, ++i) };
                    break;
                case "--store":
                    read = read with { Store = StoreOf(Value(args, ++i)) };
                    break;
                case ListenGuard.Argument:
                    others.Add(args[i]);
                    break;
                // A path of a setting has a colon: what has none is a slip of the pen, which a silo would not notice.
                case ['-', '-', .. var setting] when setting.Split('=')[0].Contains(':', StringComparison.Ordinal):
                    others.Add(args[i]);
                    if (!setting.Contains('=', StringComparison.Ordinal))
                        others.Add(Value(args, ++i));
                    break;
                default:
                    throw new StartException($"cluster does not know '{args[i]}': it takes --silos, --store, --port and --folder, and for the silos --insecure and settings (--Notify:… value).");
            }
        }

        return read with { ForSilos = others };
    }

    /// <summary>Where a silo listens.</summary>
    public string Url(int silo) => string.Create(CultureInfo.InvariantCulture, $"http://localhost:{Port + silo}");

    private static string Value(string[] args, int at) => at < args.Length ? args[at] : throw new StartException($"{args[at - 1]} needs a value.");

    private static int Number(string[] args, int at, int least, int most) =>
        int.TryParse(Value(args, at), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw new StartException($"{args[at - 1]} takes a number from {least} to {most}, not '{args[at]}'.");

    private static LocalStoreKind StoreOf(string name) => name switch
    {
        "azurite" => LocalStoreKind.Azurite,
        "redis" => LocalStoreKind.Redis,
        _ => throw new StartException($"--store takes azurite or redis, not '{name}'."),
    };
}
