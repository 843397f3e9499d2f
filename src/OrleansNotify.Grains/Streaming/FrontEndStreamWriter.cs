using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Streams;

namespace OrleansNotify.Grains.Streaming;

/// <summary>Writes to front-ends through Orleans' stream provider, from grains and background services alike. Singleton, thread-safe.</summary>
internal sealed partial class FrontEndStreamWriter(
    FrontEndQueues queues, FrontEndQueueBalancer balancer, IServiceProvider services, ILogger<FrontEndStreamWriter> logger) : IFrontEndStreams
{
    private readonly Lazy<IStreamProvider> _provider = new(() => services.GetRequiredKeyedService<IStreamProvider>(FrontEndStreaming.ProviderName));

    public bool TryWrite(SiloAddress frontEnd, StreamEnvelope envelope)
    {
        // Queues are there from the moment the silo knows its cluster: before any grain runs, after the provider is ready.
        if (queues.Find(frontEnd) is not { } queue)
        {
            queues.CountUnknown();
            balancer.LookAgain();
            return false;
        }

        try
        {
            var stream = queue.Stream ??= _provider.Value.GetStream<StreamEnvelope>(queue.StreamId);
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
