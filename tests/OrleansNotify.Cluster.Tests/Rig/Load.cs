using OrleansNotify.Cluster.Tests.History;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>Who publishes and subscribes what, and on which silo each channel begins.</summary>
/// <param name="Channels">All channels, and what their classes promise.</param>
public sealed record Load(IReadOnlyDictionary<string, ChannelPromise> Channels)
{
    /// <summary>Recovery reaches back so far: the server's cap (PROMISES, limits), as history is made larger.</summary>
    public const ulong RecoveryWindow = 300;

    private const string DurableNamespace = "durable:";
    private const int PerSilo = 2; // of each class

    /// <summary>What the silos are told of these channels: history keeps the whole run, so that it can be held against what was acknowledged.</summary>
    public static IReadOnlyList<string> Arguments { get; } =
    [
        "--Notify:Namespaces:durable:Class=Durable",
        .. new[] { "default", "durable" }.SelectMany(name => (string[])
        [
            $"--Notify:Namespaces:{name}:HistorySize=10000",
            $"--Notify:Namespaces:{name}:HistoryTtl=01:00:00",
            $"--Notify:Namespaces:{name}:HistoryBytes=67108864",
        ]),
    ];

    /// <summary>Clients. Every third has two channels.</summary>
    public int Subscribers { get; init; } = 300;

    /// <summary>The silo they all connect to at first; null: they are spread over all.</summary>
    public int? FrontEnd { get; init; }

    /// <summary>In all, over all channels.</summary>
    public int PublishesPerSecond { get; init; } = 200;

    /// <summary>The channels' names.</summary>
    public IReadOnlyList<string> Names { get; } = [.. Channels.Keys];

    /// <summary>Finds channels of both classes on each silo. The cluster places them where it likes, so names are tried until each silo has its share.</summary>
    public static async Task<Load> SpreadOver(Silos silos)
    {
        var found = new Dictionary<string, ChannelPromise>();
        var shares = new Dictionary<(string Silo, ChannelPromise Promise), int>();
        for (var i = 0; i < 100 && found.Count < silos.All.Count * PerSilo * 2; i++)
        {
            foreach (var (name, promise) in new[] { ($"chaos.{i}", ChannelPromise.Recoverable), ($"{DurableNamespace}chaos.{i}", ChannelPromise.Durable) })
            {
                // By a different silo each time: a silo likes to keep what it asks for.
                await silos.Touch(i % silos.All.Count, name);
                var host = await silos.HostOf(name);
                var share = shares.GetValueOrDefault((host, promise));
                if (share == PerSilo)
                    continue;
                shares[(host, promise)] = share + 1;
                found[name] = promise;
            }
        }

        return found.Count == silos.All.Count * PerSilo * 2
            ? new Load(found)
            : throw new InvalidOperationException($"100 channels of each class were not spread over all silos: {string.Join(", ", shares)}.");
    }

    /// <summary>What a client is subscribed to.</summary>
    public IReadOnlyList<string> ChannelsOf(int client) =>
        client % 3 == 0 ? [Names[client % Names.Count], Names[(client + 1) % Names.Count]] : [Names[client % Names.Count]];
}
