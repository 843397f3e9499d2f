namespace OrleansNotify.Grains.Streaming;

/// <summary>The front-end of this silo, as the stream's consumer sees it. In process; one per silo; absent on a silo without connections.</summary>
public interface IFrontEnd
{
    /// <summary>Takes one event of the stream. Never waits and never throws: the stream has one delivery in flight at a time.</summary>
    /// <param name="envelope">The event.</param>
    /// <param name="more">Another event of the same delivery follows at once: work may wait for it and be done together.</param>
    void Receive(StreamEnvelope envelope, bool more);
}
