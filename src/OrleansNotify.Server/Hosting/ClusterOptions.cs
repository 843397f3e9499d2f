using System.ComponentModel.DataAnnotations;
using System.Net;

namespace OrleansNotify.Server.Hosting;

/// <summary>How silos find each other. <see cref="ClusterOptions.Provider"/>.</summary>
public enum ClusterProvider
{
    /// <summary>All silos on this machine; the first one is the membership table.</summary>
    Development = 0,

    /// <summary>Membership in an Azure storage table.</summary>
    AzureStorage = 1,

    /// <summary>Membership in Redis.</summary>
    Redis = 2,
}

/// <summary>How this silo finds the others, and where they find it. Bound from <c>Notify:Cluster</c>.</summary>
public sealed class ClusterOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:Cluster";

    /// <summary>Where membership is kept. Default <see cref="ClusterProvider.Development"/>: on this machine.</summary>
    public ClusterProvider Provider { get; set; } = ClusterProvider.Development;

    /// <summary>Of the provider's server, a secret: as StackExchange.Redis reads it (<c>redis1:6379,password=…</c>), or Azure storage's. Default none.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>IP address at which the other silos reach this one; a loopback address keeps the cluster on this machine. Default none: this machine's own. Not with Development.</summary>
    public string AdvertisedAddress { get; set; } = "";

    /// <summary>Port between silos. Default 11111.</summary>
    [Range(1, 65535)]
    public int SiloPort { get; set; } = 11111;

    /// <summary>Port for Orleans clients outside the cluster. Default 30000; 0: none.</summary>
    [Range(0, 65535)]
    public int GatewayPort { get; set; } = 30000;

    /// <summary>Development only: silo address (<c>127.0.0.1:11111</c>) of the first silo; empty: this is the first one. It must stay up as long as the others.</summary>
    public string Primary { get; set; } = "";

    /// <summary>Which cluster. Default <c>notify</c>.</summary>
    [Required]
    public string ClusterId { get; set; } = "notify";

    /// <summary>The primary's endpoint, or null when this silo is the first.</summary>
    /// <exception cref="StartException">The setting is no endpoint.</exception>
    internal IPEndPoint? PrimaryEndpoint => Primary.Length == 0
        ? null
        : IPEndPoint.TryParse(Primary, out var endpoint) && endpoint.Port > 0
            ? endpoint
            : throw new StartException($"{Section}:{nameof(Primary)} ('{Primary}') must be an address with a port, such as 127.0.0.1:11111.");

    /// <summary>The advertised address, or null for this machine's own.</summary>
    /// <exception cref="StartException">The setting is no address others could use.</exception>
    internal IPAddress? Advertised => AdvertisedAddress.Length == 0
        ? null
        : IPAddress.TryParse(AdvertisedAddress, out var address) && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any)
            ? address
            : throw new StartException($"{Section}:{nameof(AdvertisedAddress)} ('{AdvertisedAddress}') must be the IP address at which the other silos reach this one.");
}
