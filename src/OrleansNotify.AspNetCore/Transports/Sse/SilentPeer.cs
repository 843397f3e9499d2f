using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace OrleansNotify.AspNetCore.Transports.Sse;

/// <summary>
/// Finds peers that are no longer there, on a transport whose client never says anything: what was sent and is not acknowledged by the peer's TCP in time ends
/// the connection. Together with the keep-alive it does for these what ping and pong do for WebSockets. Linux only (TCP_USER_TIMEOUT, RFC 5482);
/// elsewhere the system's own patience applies, minutes.
/// </summary>
internal static class SilentPeer
{
    private const int Tcp = 6; // IPPROTO_TCP
    private const int UserTimeout = 18; // TCP_USER_TIMEOUT, linux/tcp.h; milliseconds

    /// <summary>Sets how long the peer may owe an acknowledgement.</summary>
    public static void Limit(HttpContext context, TimeSpan patience)
    {
        if (OperatingSystem.IsLinux() && context.Features.Get<IConnectionSocketFeature>()?.Socket is { SocketType: SocketType.Stream, AddressFamily: not AddressFamily.Unix } socket)
            socket.SetRawSocketOption(Tcp, UserTimeout, BitConverter.GetBytes((int)patience.TotalMilliseconds));
    }
}
