using System.Diagnostics.CodeAnalysis;
using Orleans.Streams;

namespace OrleansNotify.Grains.Streaming;

/// <summary>The agent's view of a queue. Holds nothing of its own: see <see cref="FrontEndQueue"/>.</summary>
internal sealed class FrontEndQueueCache(FrontEndQueue? queue) : IQueueCache
{
    // Of wake-ups. The bound that matters is the queue's.
    public int GetMaxAddCount() => 1;

    public bool IsUnderPressure() => false;

    public void AddToCache(IList<IBatchContainer> messages)
    {
    }

    public bool TryPurgeFromCache([MaybeNullWhen(false)] out IList<IBatchContainer> purgedItems)
    {
        purgedItems = null;
        return false;
    }

    // Not rewindable: a token says nothing, the cursor starts at what is next.
    public QueueCacheCursorResult<IQueueCacheCursor> TryGetCacheCursor(StreamId streamId, StreamSequenceToken? token) =>
        QueueCacheCursorResult<IQueueCacheCursor>.FromCursor(new Cursor(queue));

    public IQueueCacheCursor GetCacheCursor(StreamId streamId, StreamSequenceToken? token) => new Cursor(queue);

    /// <summary>Takes one delivery after the other; what it has taken, and the consumer did not take in time, is gone: offsets and beats show it.</summary>
    private sealed class Cursor(FrontEndQueue? queue) : IQueueCacheCursor
    {
        private EnvelopeBatch? _current;

        public bool MoveNext() => (_current = queue?.TryTake()) is not null;

        public QueueCacheCursorMoveResult MoveNextWithResult() => MoveNext() ? QueueCacheCursorMoveResult.Success : QueueCacheCursorMoveResult.NoData;

        public IBatchContainer? GetCurrent(out Exception? exception)
        {
            exception = null;
            return _current;
        }

        public void Refresh(StreamSequenceToken token)
        {
        }

        public void RecordDeliveryFailure() => _current = null;

        public void Dispose() => queue?.AbandonDrain();
    }
}
