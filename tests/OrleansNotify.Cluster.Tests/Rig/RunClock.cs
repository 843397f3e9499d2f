namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>Time since the run began: one clock for all that is recorded.</summary>
public sealed class RunClock
{
    private readonly long _began = TimeProvider.System.GetTimestamp();

    /// <summary>Since the run began.</summary>
    public TimeSpan Now => TimeProvider.System.GetElapsedTime(_began);

    /// <summary>Lets time pass: a pause of a client's, never a wait for the server.</summary>
    public static Task Pause(TimeSpan length, CancellationToken cancellationToken) => Task.Delay(length, TimeProvider.System, cancellationToken);

    /// <summary>A random length between two, so that clients do not act in step.</summary>
    public static TimeSpan Between(int fromMs, int toMs) => TimeSpan.FromMilliseconds(Random.Shared.Next(fromMs, toMs));
}
