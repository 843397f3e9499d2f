namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// Cuts the sockets of those who do not even take their farewell: one after the other, with a pause in between. With each the kernel lets go of megabytes that were
/// never read; 500 at once held up everybody else's events (p99 1.6–3.8 × of what it is without such clients, and 1.2 × so). Thread-safe.
/// </summary>
/// <param name="time">Measures the pauses.</param>
internal sealed class ConnectionCuts(TimeProvider time)
{
    /// <summary>Between two.</summary>
    public static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    private readonly Lock _lock = new();
    private Task _last = Task.CompletedTask;

    /// <summary>Cuts a connection when it is its turn.</summary>
    /// <returns>Completes when that is done and the pause is over.</returns>
    public Task Cut(Connection connection)
    {
        lock (_lock)
            return _last = CutBehind(_last);

        async Task CutBehind(Task before)
        {
            await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            connection.Abort();
            await Task.Delay(Pause, time);
        }
    }
}
