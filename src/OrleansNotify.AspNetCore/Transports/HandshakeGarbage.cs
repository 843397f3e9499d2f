namespace OrleansNotify.AspNetCore.Transports;

/// <summary>
/// Compacts the youngest generation of the heap after every <see cref="Row"/> handshakes. What HTTP allocates for a handshake is garbage once the connection
/// stands, and lies between what stays with it. While many come at once most of what is young survives, and the runtime then lets that generation grow to many times its size
/// and sweeps it instead of compacting it: of what 10,000 clients left that came together, a third was holes until some full collection. They weigh 7.9 KiB each
/// this way instead of 12.6, a bare Kestrel connection 13.8; they come 0.87 × as fast, which is 0.79 × the bare ones' connects/s (medians of 5 by turns; since
/// the warm-up opens WebSockets 7.2 KiB and 0.93 ×). Concurrent collection, which keeps that generation small, had 7.4 KiB, but 0.73 ×.
/// </summary>
internal sealed class HandshakeGarbage
{
    /// <summary>So many handshakes allocate some 45 MB. With 5,000 a connection weighs 9.4–10.1 KiB, with 1,000 7.1–7.6: the fewer, the oftener those who come are held up by a collection.</summary>
    public const int Row = 3_000;

    private readonly Action _compact;
    private int _handshakes;

    /// <summary>The process's one.</summary>
    public HandshakeGarbage()
        : this(static () => GC.Collect(0, GCCollectionMode.Forced, blocking: true, compacting: true))
    {
    }

    /// <summary>With something else to do.</summary>
    /// <param name="compact">Called with every last handshake of a row.</param>
    internal HandshakeGarbage(Action compact) => _compact = compact;

    /// <summary>One more handshake is over.</summary>
    public void Add()
    {
        if (Interlocked.Increment(ref _handshakes) % Row == 0)
            _compact();
    }
}
