namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>Where an outbox writes: the socket, as its transport gives it.</summary>
public interface IFrameSink
{
    /// <summary>Hands over bytes. One call at a time; completes when more may come, which is this connection's back-pressure.</summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Ends the connection at once, without a farewell. May be called twice, and from any thread.</summary>
    void Abort();
}
