namespace OrleansNotify.Grains.Streaming;

/// <summary>The front-end of this silo, as the stream's consumer sees it. In process; one per silo; absent on a silo without connections.</summary>
public interface IFrontEnd
{
    /// <summary>Takes one event of the stream. Never waits and never throws: the stream has one delivery in flight for the whole silo.</summary>
    void Receive(StreamEnvelope envelope);
}
