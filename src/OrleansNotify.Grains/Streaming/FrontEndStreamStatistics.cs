namespace OrleansNotify.Grains.Streaming;

/// <summary>What waits on this silo for front-ends, and what was skipped. For metrics; thread-safe.</summary>
public sealed class FrontEndStreamStatistics
{
    private readonly FrontEndQueues _queues;

    internal FrontEndStreamStatistics(FrontEndQueues queues) => _queues = queues;

    /// <summary>Envelopes skipped since the silo started: the front-end was lagging, or this silo did not know it.</summary>
    public long Skipped => _queues.TotalSkipped;

    /// <summary>Envelopes taken into a queue since the silo started.</summary>
    public long Written => _queues.TotalWritten;

    /// <summary>Envelopes waiting now, for all front-ends.</summary>
    public int QueuedEnvelopes => PerFrontEnd().Sum(queue => queue.QueuedEnvelopes);

    /// <summary>Bytes waiting now, for all front-ends.</summary>
    public long QueuedBytes => PerFrontEnd().Sum(queue => queue.QueuedBytes);

    /// <summary>One entry per front-end silo alive, this silo's own among them.</summary>
    public FrontEndQueueStatus[] PerFrontEnd() => _queues.PerFrontEnd();
}

/// <summary>A queue as it stands.</summary>
/// <param name="FrontEnd">The silo the events are for.</param>
/// <param name="QueuedEnvelopes">Waiting now; what is being delivered is not among them.</param>
/// <param name="QueuedBytes">Waiting now: payload and the objects around it.</param>
/// <param name="Written">Taken since the queue was made.</param>
/// <param name="Skipped">Refused since the queue was made.</param>
public readonly record struct FrontEndQueueStatus(SiloAddress FrontEnd, int QueuedEnvelopes, long QueuedBytes, long Written, long Skipped);
