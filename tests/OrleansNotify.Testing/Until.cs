namespace OrleansNotify.Testing;

/// <summary>Waits for a condition. The one place that polls.</summary>
public static class Until
{
    private static readonly TimeSpan Default = TimeSpan.FromSeconds(15);

    /// <summary>Waits until a condition holds; fails naming what it waited for and what it saw.</summary>
    public static Task True(string what, Func<bool> condition, TimeSpan? timeout = null, Func<string>? seen = null) =>
        True(what, () => Task.FromResult(condition()), timeout, seen);

    /// <inheritdoc cref="True(string, Func{bool}, TimeSpan?, Func{string}?)"/>
    public static async Task True(string what, Func<Task<bool>> condition, TimeSpan? timeout = null, Func<string>? seen = null)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(started) > (timeout ?? Default))
                throw new TimeoutException($"Waited {timeout ?? Default} until {what}. Seen: {seen?.Invoke() ?? "nothing more to say"}");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System);
        }
    }

    /// <summary>Waits until a value is as expected.</summary>
    public static async Task Equal<T>(string what, T expected, Func<Task<T>> read, TimeSpan? timeout = null)
    {
        T? last = default;
        await True($"{what} is {expected}", async () => EqualityComparer<T>.Default.Equals(last = await read(), expected), timeout, () => $"{last}");
    }
}
