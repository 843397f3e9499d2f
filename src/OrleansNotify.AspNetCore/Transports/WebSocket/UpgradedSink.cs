using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using OrleansNotify.AspNetCore.Delivery;

namespace OrleansNotify.AspNetCore.Transports.WebSocket;

/// <summary>
/// Writes an outbox to an upgraded HTTP/1.1 connection: straight to its socket where that is safe, else through Kestrel's stream. The socket saves
/// Kestrel's pipe and its thread hop for each write; it is safe only without TLS, and only once the 101 response, which goes through the pipe, is
/// known to be out: when the client has answered it. A connection that was written to before stays with the stream, because the pipe does
/// not tell when its bytes are out, and bytes sent past it would overtake them.
/// </summary>
/// <param name="features">Of the request, or of the connection.</param>
/// <param name="stream">Leads through the pipe.</param>
/// <param name="input">What the client sends.</param>
/// <param name="time">The silo's clock.</param>
internal sealed class UpgradedSink(IFeatureCollection features, Stream stream, PipeReader input, TimeProvider time) : IFrameSink
{
    // After our farewell the client has this long to say its own; then its connection ends.
    private static readonly TimeSpan FarewellPatience = TimeSpan.FromSeconds(1);

    private const int Undecided = 0;
    private const int Piped = 1;
    private const int Direct = 2;

    private readonly Socket? _socket = features.Get<ITlsHandshakeFeature>() is null ? features.Get<IConnectionSocketFeature>()?.Socket : null;

    // The connection's, which outlives the request: a write that fails on another thread may want it when that has just ended.
    private readonly IConnectionLifetimeFeature _lifetime = features.GetRequiredFeature<IConnectionLifetimeFeature>();
    private int _way = Undecided;

    /// <summary>The client has sent something without waiting for the 101, against RFC 6455 4.1: what it sends says nothing about the 101.</summary>
    public void HeardTooEarly() => Interlocked.CompareExchange(ref _way, Piped, Undecided);

    /// <summary>The client has sent something, so it has the 101.</summary>
    public void Heard()
    {
        if (_way != Undecided || _socket is null || Interlocked.CompareExchange(ref _way, Direct, Undecided) != Undecided)
            return;
        try
        {
            _socket.Blocking = false; // a full send buffer shows as WouldBlock instead of holding the lane
        }
        catch (ObjectDisposedException)
        {
            // The connection has ended; the next write says so.
        }
    }

    /// <inheritdoc />
    public ValueTask WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_way == Undecided)
            Interlocked.CompareExchange(ref _way, Piped, Undecided);
        if (_way == Piped)
            return stream.WriteAsync(bytes);

        var sent = _socket!.Send(bytes.Span, SocketFlags.None, out var error);
        if (error == SocketError.Success && sent == bytes.Length)
            return ValueTask.CompletedTask;
        if (error is not (SocketError.Success or SocketError.WouldBlock or SocketError.IOPending))
            return ValueTask.FromException(new IOException($"The socket cannot be written: {error}."));
        return SendRest(bytes[Math.Max(sent, 0)..]);
    }

    /// <inheritdoc />
    public void Close() => _ = EndReading();

    /// <inheritdoc />
    public void Abort() => _lifetime.Abort();

    // By ending the read, not by cutting the connection: a reset would overtake the farewell.
    private async Task EndReading()
    {
        await Task.Delay(FarewellPatience, time);
        input.CancelPendingRead();
    }

    private async ValueTask SendRest(ReadOnlyMemory<byte> rest)
    {
        try
        {
            while (rest.Length > 0)
                rest = rest[(await _socket!.SendAsync(rest, SocketFlags.None).ConfigureAwait(false))..];
        }
        catch (SocketException exception)
        {
            throw new IOException("The socket cannot be written.", exception);
        }
    }
}
