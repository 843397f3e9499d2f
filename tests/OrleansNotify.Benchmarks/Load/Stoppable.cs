using System.Runtime.InteropServices;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>Whatever ends a measurement politely ends the servers it started, too: by the way out, which disposes them.</summary>
internal static class Stoppable
{
    /// <summary>Runs a measurement until it is done, or SIGINT or SIGTERM comes.</summary>
    /// <returns>Its exit code; 130 when it was stopped.</returns>
    public static async Task<int> RunAsync(Func<CancellationToken, Task<int>> measure)
    {
        using var stop = new CancellationTokenSource();
        using var terminated = PosixSignalRegistration.Create(PosixSignal.SIGTERM, End);
        using var interrupted = PosixSignalRegistration.Create(PosixSignal.SIGINT, End);
        try
        {
            return await measure(stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Stopped; nothing was written.");
            return 130;
        }

        void End(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }
}
