namespace OrleansNotify.Grains.Stats;

/// <summary>The cluster's counts, put together from numbered reports of the silos. One for the cluster: key 0.</summary>
[GrainInterfaceType("notify.stats"), Alias("notify.IStatsGrain")]
public interface IStatsGrain : IGrainWithIntegerKey
{
    /// <summary>Takes a silo's report.</summary>
    /// <returns>False: a gap or a fresh activation; send a snapshot.</returns>
    [Alias("Report")]
    ValueTask<bool> Report(SiloReport report, CancellationToken cancellationToken = default);

    /// <summary>The sum over the silos alive. Waits at most 1 s for silos that have not reported to a fresh activation, then says partial.</summary>
    [Alias("Read")]
    ValueTask<ClusterStats> Read(CancellationToken cancellationToken = default);

    /// <summary>As <see cref="Read"/>, of one channel.</summary>
    [Alias("Count")]
    ValueTask<ChannelCount> Count(string channel, CancellationToken cancellationToken = default);
}

/// <summary>Subscriptions to a channel.</summary>
/// <param name="Subscriptions">In the whole cluster; 0 for '@' and '#' channels, which are not counted.</param>
/// <param name="Partial">As in <see cref="ClusterStats"/>.</param>
[GenerateSerializer, Immutable, Alias("notify.ChannelCount")]
public readonly record struct ChannelCount([property: Id(0)] int Subscriptions, [property: Id(1)] bool Partial);

/// <summary>What changed on a silo since its last report, or everything.</summary>
/// <param name="Silo">The silo.</param>
/// <param name="Number">1, 2, 3… per silo; a delta applies only right behind its predecessor.</param>
/// <param name="IsSnapshot">Whether <paramref name="Subscriptions"/> is all there is rather than what changed.</param>
/// <param name="Connections">Active connections now.</param>
/// <param name="Subscriptions">Channel → subscriptions now; 0 ends an entry. Unlisted channels are left out.</param>
/// <param name="Published">Publications accepted through this silo since it started.</param>
/// <param name="Delivered">Publications handed to sockets since it started.</param>
[GenerateSerializer, Immutable, Alias("notify.SiloReport")]
public sealed record SiloReport(
    [property: Id(0)] SiloAddress Silo,
    [property: Id(1)] long Number,
    [property: Id(2)] bool IsSnapshot,
    [property: Id(3)] int Connections,
    [property: Id(4)] Dictionary<string, int> Subscriptions,
    [property: Id(5)] long Published,
    [property: Id(6)] long Delivered);

/// <summary>Cluster-wide counts.</summary>
/// <param name="Connections">Active connections.</param>
/// <param name="Channels">Channel → subscriptions, none of 0.</param>
/// <param name="Silos">Silos that the counts cover.</param>
/// <param name="Published">Publications accepted since each silo started.</param>
/// <param name="Delivered">Publications handed to sockets since each silo started.</param>
/// <param name="Partial">True when an active silo has not reported.</param>
[GenerateSerializer, Immutable, Alias("notify.ClusterStats")]
public sealed record ClusterStats(
    [property: Id(0)] int Connections,
    [property: Id(1)] Dictionary<string, int> Channels,
    [property: Id(2)] int Silos,
    [property: Id(3)] long Published,
    [property: Id(4)] long Delivered,
    [property: Id(5)] bool Partial);
