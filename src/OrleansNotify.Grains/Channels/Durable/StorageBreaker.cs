namespace OrleansNotify.Grains.Channels.Durable;

/// <summary>
/// Keeps a silo's durable channels off a store that does not answer: after a failure one of them at a time tries, the others refuse at once and wait.
/// Thread-safe.
/// </summary>
/// <param name="time">The silo's clock.</param>
internal sealed class StorageBreaker(TimeProvider time)
{
    // Between two tries of a store that is away.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    // Who tries has this long; then another one may: the first may have ended.
    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(3);

    private readonly Lock _lock = new();
    private TaskCompletionSource? _answers;
    private long _turnSince;
    private bool _isTried;

    /// <summary>Whether the store has failed and not answered since.</summary>
    public bool IsTripped => Volatile.Read(ref _answers) is not null;

    /// <summary>How many logs are read at once: when a store comes back, all want to be.</summary>
    public SemaphoreSlim Opening { get; } = new(64);

    /// <summary>A call failed, other than by a conflict.</summary>
    public void Failed()
    {
        lock (_lock)
        {
            _answers ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _isTried = false;
        }
    }

    /// <summary>A call succeeded.</summary>
    public void Succeeded()
    {
        if (!IsTripped)
            return;
        lock (_lock)
        {
            _answers?.SetResult();
            _answers = null;
            _isTried = false;
        }
    }

    /// <summary>Waits until the store answers again, or it is the caller's turn to try.</summary>
    public async Task WaitForTurn()
    {
        while (true)
        {
            Task answers;
            lock (_lock)
            {
                if (_answers is null)
                    return;
                answers = _answers.Task;
            }
            var pause = Task.Delay(Pause, time);
            if (await Task.WhenAny(answers, pause) == answers)
                return;
            lock (_lock)
            {
                if (_answers is null)
                    return;
                if (_isTried && time.GetElapsedTime(_turnSince) < Turn)
                    continue;
                (_isTried, _turnSince) = (true, time.GetTimestamp());
                return;
            }
        }
    }
}
