using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Limits;

namespace OrleansNotify.AspNetCore.Transports;

/// <summary>How many handshakes may be under way at once, and how many connections there may be, on this silo.</summary>
internal sealed class HandshakeLimit(IOptions<LimitOptions> limits, HandshakeGarbage garbage)
{
    /// <summary>What to say when there is no place.</summary>
    public const string TooMany = "Too many connections, or too many at once; try again, or at another silo.";

    private int _handshakes;
    private int _connections;

    /// <summary>Takes a place; false when there is none. Followed by <see cref="Exit"/> and, when the connection ends, <see cref="Left"/>.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _connections) > limits.Value.ConnectionsPerSilo)
        {
            Interlocked.Decrement(ref _connections);
            return false;
        }
        if (Interlocked.Increment(ref _handshakes) > limits.Value.HandshakesAtOnce)
        {
            Interlocked.Decrement(ref _handshakes);
            Interlocked.Decrement(ref _connections);
            return false;
        }
        return true;
    }

    /// <summary>The handshake is over.</summary>
    public void Exit()
    {
        Interlocked.Decrement(ref _handshakes);
        garbage.Add();
    }

    /// <summary>The connection is over.</summary>
    public void Left() => Interlocked.Decrement(ref _connections);
}
