using System.ComponentModel.DataAnnotations;
using System.Net;

namespace OrleansNotify.Server.Hosting;

/// <summary>How this silo finds the others. Bound from <c>Notify:Cluster</c>. Development clustering: all silos on this machine, the first one is the membership table.</summary>
public sealed class ClusterOptions
{
    /// <summary>Port between silos, on 127.0.0.1. Default 11111.</summary>
    [Range(1, 65535)]
    public int SiloPort { get; set; } = 11111;

    /// <summary>Port for Orleans clients outside the cluster, on 127.0.0.1. Default 30000; 0: none.</summary>
    [Range(0, 65535)]
    public int GatewayPort { get; set; } = 30000;

    /// <summary>Silo address (<c>127.0.0.1:11111</c>) of the first silo; empty: this is the first one. It must stay up as long as the others.</summary>
    public string Primary { get; set; } = "";

    /// <summary>Which cluster. Default <c>notify</c>.</summary>
    [Required]
    public string ClusterId { get; set; } = "notify";

    /// <summary>The primary's endpoint, or null when this silo is the first.</summary>
    /// <exception cref="InvalidOperationException">The setting is no endpoint.</exception>
    public IPEndPoint? PrimaryEndpoint => Primary.Length == 0
        ? null
        : IPEndPoint.TryParse(Primary, out var endpoint) && endpoint.Port > 0
            ? endpoint
            : throw new InvalidOperationException($"Notify:Cluster:Primary ('{Primary}') must be an address with a port, such as 127.0.0.1:11111.");
}
