using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace OrleansNotify.Server.Verbs;

/// <summary>Ports nobody listens on.</summary>
internal static class FreePorts
{
    private static int _next = Random.Shared.Next(15_000, 25_000); // below what the kernel gives to outgoing connections

    /// <summary>One, as text; each call gives another.</summary>
    public static string Next()
    {
        while (true)
        {
            var port = Interlocked.Increment(ref _next);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port.ToString(CultureInfo.InvariantCulture);
            }
            catch (SocketException)
            {
                // Taken: the next one.
            }
        }
    }
}
