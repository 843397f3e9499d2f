namespace OrleansNotify.Grains.Streaming;

/// <summary>Where channel grains of this silo write, and front-ends are written to: one bounded in-process queue per front-end silo.</summary>
public interface IFrontEndStreams
{
    /// <summary>
    /// Puts an envelope into the stream of a front-end. Never waits, never throws. False: the front-end is lagging (its queue is full, by items or
    /// bytes) or gone; the envelope is skipped, and the next beat leads the front-end to read the missing part from the grain.
    /// </summary>
    bool TryWrite(SiloAddress frontEnd, StreamEnvelope envelope);
}
