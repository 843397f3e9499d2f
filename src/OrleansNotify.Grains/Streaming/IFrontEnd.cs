namespace OrleansNotify.Grains.Streaming;

/// <summary>The front-end of this silo, as the stream's consumer sees it. In process; one per silo; absent on a silo without connections.</summary>
public interface IFrontEnd
{
    /// <summary>Takes one event of the stream. Never waits and never throws: the stream has one delivery in flight at a time.</summary>
    /// <param name="envelope">The event.</param>
    /// <param name="more">Another event of the same delivery follows at once: work may wait for it and be done together.</param>
    void Receive(StreamEnvelope envelope, bool more);

    /// <summary>
    /// Takes publications of a channel that lives on this very silo, in the turn in which its grain accepted them. Never waits, never throws, calls no grain (the
    /// thread is the channel's). Of different channels at once; of one channel one at a time, and never while an earlier event of the stream is still on its way.
    /// </summary>
    /// <param name="envelope">Its <see cref="StreamEnvelope.Publications"/> are set.</param>
    void ReceiveLocal(StreamEnvelope envelope) => Receive(envelope, more: false);
}
