using Orleans.Streams;

namespace OrleansNotify.Grains.Streaming;

/// <summary>What Orleans' stream provider writes to and reads from: the in-process queues of this silo.</summary>
internal sealed class FrontEndQueueAdapter(string name, FrontEndQueues queues, FrontEndQueueBalancer balancer)
    : IQueueAdapter, IQueueAdapterFactory, IQueueAdapterCache
{
    /// <summary>What a write that was taken returns, always this one: the provider hands it through, and the writer need not await to know.</summary>
    public static readonly Task Written = Task.FromResult(true);

    /// <summary>What a write that was skipped returns. Completed, no failure: being lagging is no exception to pay for.</summary>
    public static readonly Task Skipped = Task.FromResult(false);

    public string Name => name;

    public bool IsRewindable => false;

    public StreamProviderDirection Direction => StreamProviderDirection.ReadWrite;

    // The request context is not carried: an envelope is for many connections, none of which asked.
    public Task QueueMessageBatchAsync<T>(StreamId streamId, IEnumerable<T> events, StreamSequenceToken? token, Dictionary<string, object>? requestContext)
    {
        if (queues.Find(streamId) is not { } queue)
        {
            queues.CountUnknown();
            return Skipped;
        }

        if (events is StreamEnvelope[] { Length: 1 } single)
            return queue.TryWrite(single[0]) ? Written : Skipped;
        if (events is not IEnumerable<StreamEnvelope> envelopes)
            throw new ArgumentException($"Stream provider {name} carries {nameof(StreamEnvelope)}, not {typeof(T).Name}.", nameof(events));
        var all = true;
        foreach (var envelope in envelopes)
            all &= queue.TryWrite(envelope);
        return all ? Written : Skipped;
    }

    // A queue that has gone between the balancer's answer and this call: its agent waits at a queue nobody writes to, until it is stopped.
    public IQueueAdapterReceiver CreateReceiver(QueueId queueId) => new FrontEndQueueReceiver(queues.Find(queueId));

    public IQueueCache CreateQueueCache(QueueId queueId) => new FrontEndQueueCache(queues.Find(queueId));

    public Task<IQueueAdapter> CreateAdapter() => Task.FromResult<IQueueAdapter>(this);

    public IQueueAdapterCache GetQueueAdapterCache() => this;

    public IStreamQueueMapper GetStreamQueueMapper() => balancer;

    public Task<IStreamFailureHandler> GetDeliveryFailureHandler(QueueId queueId) => Task.FromResult<IStreamFailureHandler>(new NoOpStreamDeliveryFailureHandler());
}
