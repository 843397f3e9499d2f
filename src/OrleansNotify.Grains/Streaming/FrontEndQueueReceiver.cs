using Orleans.Streams;

namespace OrleansNotify.Grains.Streaming;

/// <summary>
/// Long-polls a queue for its pulling agent: a read ends when there is something to take and the cursor is not already taking, or when the agent
/// stops. It hands over a wake-up; the cursor takes the events, so there is no second place in which they could pile up.
/// </summary>
internal sealed class FrontEndQueueReceiver(FrontEndQueue? queue) : IQueueAdapterReceiver, IDisposable
{
    private static readonly Task<IList<IBatchContainer>> Nothing = Task.FromResult<IList<IBatchContainer>>([]);

    private CancellationToken _stopping;
    private CancellationTokenRegistration _registration;

    public Task Initialize(TimeSpan timeout)
    {
        queue?.AbandonDrain(); // of an agent that was stopped before
        return Task.CompletedTask;
    }

    public Task<IList<IBatchContainer>> GetQueueMessagesAsync(int maxCount, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return Nothing;
        if (queue is null)
            return WaitForEver(cancellationToken);
        var work = queue.WaitForWork();

        // One registration serves all reads of a run of the agent: the token is its timer's, the same from read to read.
        if (!work.IsCompleted && cancellationToken != _stopping)
        {
            _registration.Dispose();
            _stopping = cancellationToken;
            _registration = cancellationToken.UnsafeRegister(static state => ((FrontEndQueue)state!).CancelWait(), queue);
        }

        // Cancelled between the first look and the wait: the registration has fired before there was anything to end.
        if (cancellationToken.IsCancellationRequested)
            queue.CancelWait();
        return work;
    }

    public Task MessagesDeliveredAsync(IList<IBatchContainer> messages) => Task.CompletedTask;

    public Task Shutdown(TimeSpan timeout)
    {
        Dispose();
        queue?.CancelWait();
        return Task.CompletedTask;
    }

    public void Dispose() => _registration.Dispose();

    Task<IList<IBatchContainer>> IQueueAdapterReceiver.GetQueueMessagesAsync(int maxCount) => GetQueueMessagesAsync(maxCount, CancellationToken.None);

    private static async Task<IList<IBatchContainer>> WaitForEver(CancellationToken cancellationToken)
    {
        var stopped = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancellationToken.UnsafeRegister(static state => ((TaskCompletionSource)state!).SetResult(), stopped))
            await stopped.Task;
        return [];
    }
}
