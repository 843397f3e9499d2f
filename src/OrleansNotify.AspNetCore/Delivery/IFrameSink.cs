namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>Where an outbox writes: the socket, as its transport gives it.</summary>
public interface IFrameSink
{
    /// <summary>Hands over bytes. One call at a time; completes when more may come, which is this connection's back-pressure.</summary>
    ValueTask WriteAsync(ReadOnlyMemory<byte> bytes);

    /// <summary>Nothing follows, the last frame was our farewell: the transport ends the connection once the client has had a moment to answer. Does not wait for that.</summary>
    void Close();

    /// <summary>Ends the connection at once, without a farewell. May be called twice, and from any thread.</summary>
    void Abort();
}
