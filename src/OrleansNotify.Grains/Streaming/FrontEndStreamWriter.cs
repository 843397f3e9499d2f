using Microsoft.Extensions.Logging;

namespace OrleansNotify.Grains.Streaming;

/// <summary>Writes to front-ends through Orleans' stream provider, from grains and background services alike. Singleton, thread-safe.</summary>
internal sealed partial class FrontEndStreamWriter(
    FrontEndQueues queues, FrontEndQueueBalancer balancer, ILogger<FrontEndStreamWriter> logger) : IFrontEndStreams
{
    public bool TryWrite(SiloAddress frontEnd, StreamEnvelope envelope)
    {
        // Queues are there before any grain runs.
        if (queues.Find(frontEnd) is not { Stream: { } stream })
        {
            queues.CountUnknown();
            balancer.LookAgain();
            return false;
        }

        try
        {
            return ReferenceEquals(stream.OnNextAsync(envelope), FrontEndQueueAdapter.Written);
        }
        catch (Exception problem)
        {
            LogWriteFailed(frontEnd, problem);
            queues.CountUnknown();
            return false;
        }
    }

    [LoggerMessage(1006, LogLevel.Error, "Writing to the stream of front-end {FrontEnd} failed.")]
    private partial void LogWriteFailed(SiloAddress frontEnd, Exception problem);
}
