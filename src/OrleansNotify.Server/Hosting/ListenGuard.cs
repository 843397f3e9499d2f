using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Orleans.Configuration;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.AspNetCore.Security.Tokens;

namespace OrleansNotify.Server.Hosting;

/// <summary>
/// Nobody has to say who he is, so the server stays on this machine: it listens on loopback only, unless told <c>--insecure</c>. TLS changes nothing about
/// that: it hides what is said from others, and lets everybody in. Nor does a cluster: the ports between silos ask nobody for a name either.
/// </summary>
internal static partial class ListenGuard
{
    /// <summary>The argument.</summary>
    public const string Argument = "--insecure";

    /// <summary>Checks an endpoint before it is bound.</summary>
    /// <exception cref="StartException">On more than loopback, and nobody has called the network trusted.</exception>
    public static void Check(ListenOptions listen, bool insecure, bool asksEverybody, ILogger logger)
    {
        if (listen.IPEndPoint is not { } endpoint || IPAddress.IsLoopback(endpoint.Address) || asksEverybody)
            return;
        Check(endpoint, insecure);
        LogInsecure(logger, endpoint);
    }

    /// <summary>Whether clients are asked for tokens and the HTTP API's callers for keys: then whoever reaches it can do nothing yet.</summary>
    public static bool AsksEverybody(IConfiguration configuration) =>
        configuration.GetSection($"{TokenOptions.Section}:{nameof(TokenOptions.Algorithms)}").GetChildren().Any() && configuration.GetSection(ApiKeyOptions.Section).GetChildren().Any();

    /// <summary>Checks an address for the web.</summary>
    /// <exception cref="StartException">It is more than loopback, and nobody has called the network trusted.</exception>
    public static void Check(IPEndPoint endpoint, bool insecure)
    {
        if (!insecure && !IPAddress.IsLoopback(endpoint.Address))
            throw new StartException(
                $"Refusing to listen on {endpoint}: anybody who reaches it could publish and listen. Use an address of this machine such as {NotifyServer.DefaultUrl}, configure {TokenOptions.Section} and {ApiKeyOptions.Section}, or start with {Argument} if the network is trusted.");
    }

    /// <summary>Checks where silos and Orleans clients are listened for.</summary>
    /// <exception cref="StartException">On more than loopback, and nobody has called the network trusted.</exception>
    public static void Check(EndpointOptions silo, bool insecure)
    {
        if (insecure)
            return;
        var (listening, gateway) = EndPoints(silo);
        foreach (var endpoint in new[] { listening, gateway })
        {
            if (endpoint is not null && !IPAddress.IsLoopback(endpoint.Address))
                throw new StartException(
                    $"Refusing to listen for silos on {endpoint}: anybody who reaches it could join or command the cluster. For silos of one machine set {ClusterOptions.Section}:{nameof(ClusterOptions.AdvertisedAddress)} to 127.0.0.1; on a network that is trusted start with {Argument}.");
        }
    }

    /// <summary>Where a silo listens for the others, and for Orleans clients, if it does.</summary>
    public static (IPEndPoint Silo, IPEndPoint? Gateway) EndPoints(EndpointOptions silo) => (
        silo.SiloListeningEndpoint ?? new IPEndPoint(silo.AdvertisedIPAddress, silo.SiloPort),
        silo.GatewayPort == 0 ? null : silo.GatewayListeningEndpoint ?? new IPEndPoint(silo.AdvertisedIPAddress, silo.GatewayPort));

    [LoggerMessage(6001, LogLevel.Warning, "Listening on {Endpoint} without authentication (--insecure): anybody who reaches it can publish and listen.")]
    private static partial void LogInsecure(ILogger logger, IPEndPoint endpoint);
}
