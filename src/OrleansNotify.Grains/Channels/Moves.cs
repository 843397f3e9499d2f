namespace OrleansNotify.Grains.Channels;

/// <summary>
/// Chooses where channels go when this silo stops, and how many at once. Orleans packs up to 1,000 moving activations into one message, whatever
/// their size, and a message has a limit (100 MB); so bytes under way to one silo are bounded here. Thread-safe.
/// </summary>
/// <remarks>
/// Measured between two silos of one process on a busy 2-core machine (tests, <c>ChannelMoveTests</c>, commit of this line): 2,600 channels/s with 10
/// publications of 100 B each, 900/s with 100 of 200 B, 380/s with 100 of 1 kB (36 MiB/s), 170 MiB/s with 100 of 10 kB. So the 20 s of a drain are good
/// for about 50,000 nearly empty channels, 18,000 with full rings, or 3 GiB in large payloads. What is still here when the time is up ends; its
/// front-ends are told, and the channel begins a new epoch elsewhere.
/// </remarks>
/// <param name="targets">The silos that can be moved to.</param>
internal sealed class Moves(MoveTargets targets)
{
    /// <summary>Bytes under way to one silo; a larger channel goes alone.</summary>
    public const long BytesPerTarget = 16 << 20;

    private readonly Lock _lock = new();
    private readonly Dictionary<SiloAddress, long> _underWay = [];
    private readonly LinkedList<Waiting> _waiting = new();

    /// <summary>Waits for a free place.</summary>
    /// <param name="bytes">What the channel takes along.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>The place, to be disposed of when the channel has gone; null when there is no other silo.</returns>
    public async ValueTask<Move?> Begin(long bytes, CancellationToken cancellationToken)
    {
        await targets.Known().WaitAsync(cancellationToken);
        LinkedListNode<Waiting> node;
        lock (_lock)
        {
            if (_waiting.Count == 0 && TryPlace(bytes, out var move))
                return move;
            node = _waiting.AddLast(new Waiting(bytes));
        }
        await using var cancellation = cancellationToken.Register(() =>
        {
            lock (_lock)
            {
                if (node.List is null)
                    return; // it has its place
                _waiting.Remove(node);
            }
            node.Value.Placed.TrySetCanceled(cancellationToken);
        });
        return await node.Value.Placed.Task;
    }

    private void End(Move move)
    {
        lock (_lock)
        {
            _underWay[move.Target] -= move.Bytes;
            while (_waiting.First is { } first && TryPlace(first.Value.Bytes, out var next))
            {
                _waiting.RemoveFirst();
                first.Value.Placed.TrySetResult(next);
            }
        }
    }

    // To where the least is under way. True without a move: there is nowhere to go.
    private bool TryPlace(long bytes, out Move? move)
    {
        move = null;
        SiloAddress? best = null;
        var least = long.MaxValue;
        foreach (var target in targets.Current)
        {
            var underWay = _underWay.GetValueOrDefault(target);
            if (underWay < least)
                (best, least) = (target, underWay);
        }
        if (best is null)
            return true;
        if (least > 0 && least + bytes > BytesPerTarget)
            return false;
        _underWay[best] = least + bytes;
        move = new Move(this, best, bytes);
        return true;
    }

    private sealed record Waiting(long Bytes)
    {
        public TaskCompletionSource<Move?> Placed { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>A place for one channel on its way.</summary>
    internal sealed class Move(Moves moves, SiloAddress target, long bytes) : IDisposable
    {
        private int _ended;

        /// <summary>Where to.</summary>
        public SiloAddress Target => target;

        /// <summary>What it takes along.</summary>
        public long Bytes => bytes;

        /// <inheritdoc />
        public void Dispose()
        {
            if (Interlocked.Exchange(ref _ended, 1) == 0)
                moves.End(this);
        }
    }
}
