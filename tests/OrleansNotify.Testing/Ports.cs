using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace OrleansNotify.Testing;

/// <summary>Free ports of 127.0.0.1.</summary>
public static class Ports
{
    // Defaults of ours, of Azurite: a developer's own may be running.
    private static readonly HashSet<int> NeverUsed = [3000, 10000, 10001, 10002, 11111, 30000];
    private static readonly ConcurrentDictionary<int, bool> Taken = new();

    /// <summary>A port that is free now, and was not given out before by this process.</summary>
    public static int TakeFree()
    {
        while (true)
        {
            using var listener = new TcpListener(IPAddress.Loopback, 0);
            listener.Start();
            var port = ((IPEndPoint)listener.LocalEndpoint).Port;
            if (!NeverUsed.Contains(port) && Taken.TryAdd(port, true))
                return port;
        }
    }
}
