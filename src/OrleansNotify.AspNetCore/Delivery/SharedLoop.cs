using System.Runtime.ExceptionServices;

namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>
/// A long loop done by the thread that needs it together with those of the pool that are free: all take blocks from one counter, so a helper that
/// comes late finds nothing left, and nobody waits for one that has not begun. The caller goes on when every block is done.
/// </summary>
internal sealed class SharedLoop : IThreadPoolWorkItem
{
    /// <summary>Below this the loop is shorter than waking a helper is worth.</summary>
    public const int Worthwhile = 2 * Block;

    // Some 200 µs of sends: what the caller waits at most for a helper's last block, unless that is interrupted.
    private const int Block = 64;

    // Beyond it the sends meet in the kernel more than they gain.
    private const int MostHelpers = 7;

    private readonly int _count;
    private readonly Action<int, int> _body;
    private readonly object _gate = new();
    private int _taken;
    private int _unfinished;
    private Exception? _fault;

    private SharedLoop(int count, Action<int, int> body)
    {
        (_count, _body) = (count, body);
        _unfinished = (count + Block - 1) / Block;
    }

    /// <summary>Runs a body over 0 … <paramref name="count"/> − 1. What it throws is thrown here, after the rest was done.</summary>
    /// <param name="count">How many.</param>
    /// <param name="body">Gets from (inclusive) and to (exclusive); is called by several threads at once, never twice for the same index.</param>
    public static void Run(int count, Action<int, int> body)
    {
        var loop = new SharedLoop(count, body);
        for (var helpers = Math.Min(Math.Min(Environment.ProcessorCount - 1, MostHelpers), loop._unfinished - 1); helpers > 0; helpers--)
            ThreadPool.UnsafeQueueUserWorkItem(loop, preferLocal: false);
        loop.Execute();
        loop.Wait();
        if (loop._fault is not null)
            ExceptionDispatchInfo.Throw(loop._fault);
    }

    /// <inheritdoc />
    public void Execute()
    {
        int from;
        while ((from = Interlocked.Add(ref _taken, Block) - Block) < _count)
        {
            try
            {
                _body(from, Math.Min(from + Block, _count));
            }
            catch (Exception exception)
            {
                _fault = exception;
            }
            if (Interlocked.Decrement(ref _unfinished) == 0)
            {
                lock (_gate)
                    Monitor.Pulse(_gate);
            }
        }
    }

    private void Wait()
    {
        lock (_gate)
        {
            while (Volatile.Read(ref _unfinished) > 0)
                Monitor.Wait(_gate);
        }
    }
}
