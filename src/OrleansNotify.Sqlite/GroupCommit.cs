using System.Threading.Channels;

namespace OrleansNotify.Sqlite;

/// <summary>
/// One writer for many: whatever waits when a commit has ended goes into the next one, so that one flush of the disk serves all of it and a lone write
/// waits for nobody. The commit blocks on the disk, on a thread of its own that starts with the first write: it takes none from the pool.
/// </summary>
/// <typeparam name="T">What is written.</typeparam>
/// <param name="commit">Makes all of the list durable, or throws and has changed nothing; called by one thread.</param>
/// <param name="bytes">How much an item weighs.</param>
internal sealed class GroupCommit<T>(Action<IReadOnlyList<T>> commit, Func<T, int> bytes) : IAsyncDisposable
{
    // Bounds of one transaction: a reader's snapshot, the log and the time the first writer waits for the last all grow with it.
    private const int MaxItems = 512;
    private const int MaxBytes = 8 << 20;

    // Beyond it writers wait for room; each holds its state anyway.
    private const int MaxWaiting = 4096;

    private readonly Channel<Waiting> _waiting = Channel.CreateBounded<Waiting>(
        new BoundedChannelOptions(MaxWaiting) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _starting = new();
    private Thread? _thread;

    /// <summary>Writes one item with others. Ends when it is durable; throws what the commit threw.</summary>
    /// <param name="item">The item.</param>
    /// <param name="cancellationToken">Cancelled before the item's commit began, it is not written; later, the outcome is unknown to the caller.</param>
    public async Task Write(T item, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        EnsureStarted();
        var waiting = new Waiting(item, cancellationToken);
        await _waiting.Writer.WriteAsync(waiting, cancellationToken);
        await waiting.Done.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Commits what waits, then ends the thread. Later writes throw <see cref="ChannelClosedException"/>.</summary>
    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        if (_thread is not null)
            await _ended.Task;
    }

    private void EnsureStarted()
    {
        if (Volatile.Read(ref _thread) is not null)
            return;
        lock (_starting)
        {
            if (_thread is not null)
                return;
            var thread = new Thread(Run) { IsBackground = true, Name = "OrleansNotify.Sqlite" };
            thread.Start();
            Volatile.Write(ref _thread, thread);
        }
    }

    private void Run()
    {
        var group = new List<Waiting>(MaxItems);
        while (_waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            Take(group);
            if (group.Count == 0)
                continue;
            try
            {
                commit([.. group.Select(waiting => waiting.Item)]);
                group.ForEach(waiting => waiting.Done.TrySetResult());
            }
            catch (Exception exception) // each writer gets it; the next commit tries anew
            {
                group.ForEach(waiting => waiting.Done.TrySetException(exception));
            }
        }
        _ended.TrySetResult();
    }

    private void Take(List<Waiting> group)
    {
        group.Clear();
        var total = 0;
        while (group.Count < MaxItems && total < MaxBytes && _waiting.Reader.TryRead(out var waiting))
        {
            if (waiting.CancellationToken.IsCancellationRequested)
                continue; // its writer has left
            group.Add(waiting);
            total += bytes(waiting.Item);
        }
    }

    private sealed record Waiting(T Item, CancellationToken CancellationToken)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
