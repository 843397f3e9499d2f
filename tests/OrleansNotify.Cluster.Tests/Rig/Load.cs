using OrleansNotify.Cluster.Tests.History;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>Who publishes and subscribes what.</summary>
/// <param name="Durable">Whether half of the channels are durable ones; needs a store.</param>
public sealed record Load(bool Durable)
{
    /// <summary>Recovery reaches back so far: the server's cap (PROMISES, limits), as history is made larger.</summary>
    public const ulong RecoveryWindow = 300;

    private const int OfEachClass = 5;

    /// <summary>Clients. Every third has two channels.</summary>
    public int Subscribers { get; init; } = 300;

    /// <summary>In all, over all channels.</summary>
    public int PublishesPerSecond { get; init; } = 200;

    /// <summary>All channels.</summary>
    public IReadOnlyList<string> Channels { get; } =
    [
        .. Enumerable.Range(0, OfEachClass).Select(i => $"chaos.{i}"),
        .. Durable ? Enumerable.Range(0, OfEachClass).Select(i => $"durable:chaos.{i}") : [],
    ];

    /// <summary>What their classes promise.</summary>
    public IReadOnlyDictionary<string, ChannelPromise> Promises =>
        Channels.ToDictionary(channel => channel, channel => channel.StartsWith("durable:", StringComparison.Ordinal) ? ChannelPromise.Durable : ChannelPromise.Recoverable);

    /// <summary>What the silos are told of these channels: history keeps the whole run, so that it can be held against what was acknowledged.</summary>
    public IReadOnlyList<string> Arguments =>
    [
        "--Notify:Namespaces:default:HistorySize=10000",
        "--Notify:Namespaces:default:HistoryTtl=01:00:00",
        "--Notify:Namespaces:default:HistoryBytes=67108864",
        .. Durable
            ? (string[])
            [
                "--Notify:Namespaces:durable:Class=Durable",
                "--Notify:Namespaces:durable:HistorySize=10000",
                "--Notify:Namespaces:durable:HistoryTtl=01:00:00",
                "--Notify:Namespaces:durable:HistoryBytes=67108864",
            ]
            : [],
    ];

    /// <summary>What a client is subscribed to.</summary>
    public IReadOnlyList<string> ChannelsOf(int client) =>
        client % 3 == 0 ? [Channels[client % Channels.Count], Channels[(client + 1) % Channels.Count]] : [Channels[client % Channels.Count]];
}
