using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace OrleansNotify.Server.Hosting;

/// <summary>Without keys and TLS the server stays on this machine: it listens on loopback only, unless told <c>--insecure</c>.</summary>
internal static partial class ListenGuard
{
    /// <summary>The argument.</summary>
    public const string Argument = "--insecure";

    /// <summary>Checks every endpoint before it is bound.</summary>
    public static void Apply(KestrelServerOptions kestrel, bool insecure, ILogger logger) =>
        kestrel.ConfigureEndpointDefaults(listen =>
        {
            if (listen.IPEndPoint is not { } endpoint || IPAddress.IsLoopback(endpoint.Address))
                return;
            if (!insecure)
                throw new InvalidOperationException(
                    $"Refusing to listen on {endpoint}: anybody who reaches it could publish and listen. Use an address of this machine such as http://localhost:3000, or start with {Argument} if the network is trusted.");
            LogInsecure(logger, endpoint);
        });

    [LoggerMessage(6001, LogLevel.Warning, "Listening on {Endpoint} without authentication (--insecure): anybody who reaches it can publish and listen.")]
    private static partial void LogInsecure(ILogger logger, IPEndPoint endpoint);
}
