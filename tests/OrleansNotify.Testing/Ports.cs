using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace OrleansNotify.Testing;

/// <summary>Free ports of the loopback interface.</summary>
public static class Ports
{
    // Below the range the kernel takes for outgoing connections: a port that is closed for a while (a server that restarts) stays free, and nobody
    // who tries to connect to it can meet himself.
    private const int First = 12_000;
    private const int Last = 29_000;

    private static readonly ConcurrentDictionary<int, bool> Given = new();

    /// <summary>A port nobody listens on, given once per process. Never a well-known one of Orleans, Azurite or this server.</summary>
    public static int Free()
    {
        for (var attempt = 0; attempt < 1_000; attempt++)
        {
            var port = Random.Shared.Next(First, Last);
            if (IsFree(port) && Given.TryAdd(port, true))
                return port;
        }

        throw new InvalidOperationException($"No free port found between {First} and {Last}.");
    }

    /// <summary>The first of several such ports that follow each other.</summary>
    public static int FreeInARow(int count)
    {
        for (var attempt = 0; attempt < 1_000; attempt++)
        {
            var first = Free();
            if (Enumerable.Range(first + 1, count - 1).All(port => IsFree(port) && Given.TryAdd(port, true)))
                return first;
        }

        throw new InvalidOperationException($"No {count} free ports in a row found between {First} and {Last}.");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
