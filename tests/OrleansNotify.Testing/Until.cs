namespace OrleansNotify.Testing;

/// <summary>Waiting for conditions that nothing signals. Where something does signal, wait for that.</summary>
public static class Until
{
    /// <summary>How long a test waits for anything unless it says otherwise.</summary>
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>Waits until <paramref name="condition"/> holds.</summary>
    /// <param name="what">What is waited for, as it shall stand in the failure: "2 silos active".</param>
    /// <param name="condition">Asked about every 10 ms.</param>
    /// <param name="timeout">Null: <see cref="DefaultTimeout"/>.</param>
    public static Task True(string what, Func<bool> condition, TimeSpan? timeout = null) =>
        True(what, () => Task.FromResult(condition()), timeout);

    /// <summary>Waits until <paramref name="condition"/> holds.</summary>
    public static Task True(string what, Func<Task<bool>> condition, TimeSpan? timeout = null) =>
        Value(what, async () => await condition() ? true : (bool?)null, value => value is true, timeout);

    /// <summary>Waits until what <paramref name="read"/> returns equals <paramref name="expected"/>; the failure shows what it was last.</summary>
    public static Task Equal<T>(T expected, string what, Func<T> read, TimeSpan? timeout = null) =>
        Value($"{what} to be {expected}", () => Task.FromResult(read()), value => EqualityComparer<T>.Default.Equals(value, expected), timeout);

    /// <summary>Waits until what <paramref name="read"/> returns equals <paramref name="expected"/>; the failure shows what it was last.</summary>
    public static Task Equal<T>(T expected, string what, Func<Task<T>> read, TimeSpan? timeout = null) =>
        Value($"{what} to be {expected}", read, value => EqualityComparer<T>.Default.Equals(value, expected), timeout);

    /// <summary>Waits until <paramref name="good"/> accepts what <paramref name="read"/> returns, and returns it.</summary>
    public static async Task<T> Value<T>(string what, Func<Task<T>> read, Func<T, bool> good, TimeSpan? timeout = null)
    {
        var limit = timeout ?? DefaultTimeout;
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var value = await read();
            if (good(value))
                return value;
            if (TimeProvider.System.GetElapsedTime(started) > limit)
                throw new TimeoutException($"Waited {limit.TotalSeconds:0.#} s for: {what}. Saw last: {value?.ToString() ?? "not yet"}.");
            await Task.Delay(Pause, TimeProvider.System);
        }
    }
}
