using Orleans.Providers.Streams.Common;
using Orleans.Streams;

namespace OrleansNotify.Grains.Streaming;

/// <summary>
/// One delivery: what was pending for a front-end, in the order written. The front-end's grain subscribes to this type itself, so that a delivery
/// is one call however many envelopes it has; a subscriber to <see cref="StreamEnvelope"/> gets them one by one.
/// </summary>
[GenerateSerializer, Immutable, Alias("notify.EnvelopeBatch")]
internal sealed class EnvelopeBatch(StreamId streamId, long number, StreamEnvelope[] items) : IBatchContainer
{
    [NonSerialized]
    private EventSequenceTokenV2? _token;

    [Id(0)]
    public StreamId StreamId { get; } = streamId;

    /// <summary>1, 2, 3… per queue.</summary>
    [Id(1)]
    public long Number { get; } = number;

    /// <summary>At least one.</summary>
    [Id(2)]
    public StreamEnvelope[] Items { get; } = items;

    public StreamSequenceToken SequenceToken => _token ??= new EventSequenceTokenV2(Number);

    public IEnumerable<Tuple<T, StreamSequenceToken>> GetEvents<T>()
    {
        if (this is T batch)
            return [Tuple.Create(batch, SequenceToken)];
        return Items is T[] items ? items.Select((item, index) => Tuple.Create(item, (StreamSequenceToken)new EventSequenceTokenV2(Number, index))) : [];
    }

    public bool ImportRequestContext() => false;
}

/// <summary>Tells the pulling agent that a queue has something; what it is, the cursor takes from the queue itself. Never delivered.</summary>
internal sealed class WakeUp(StreamId streamId) : IBatchContainer
{
    public StreamId StreamId { get; } = streamId;

    public StreamSequenceToken SequenceToken { get; } = new EventSequenceTokenV2(0);

    public IEnumerable<Tuple<T, StreamSequenceToken>> GetEvents<T>() => [];

    public bool ImportRequestContext() => false;
}
