using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace OrleansNotify.Grains.Streaming;

/// <summary>
/// At a graceful stop: after the grains of this silo have ended and before its pulling agents do, waits until what the queues had accepted for
/// front-ends alive is delivered. A delivery under way to a front-end that hangs can hold the stop longer: Orleans' agents wait for its answer, until
/// the call's response timeout (30 s) or until membership calls that silo dead.
/// </summary>
internal sealed partial class FrontEndStreamDrain(
    FrontEndQueues queues, IOptions<FrontEndStreamOptions> options, TimeProvider time, ILogger<FrontEndStreamDrain> logger) : ILifecycleParticipant<ISiloLifecycle>
{
    /// <summary>
    /// Stages stop from high to low. Grains end at 19998, then the last beats tell of it (<see cref="Silos.BeatSender.Stage"/>). With the default stage
    /// of streams, 20000, the agents would be gone before them, and all that the last publications and hand-overs write would be refused or left unread.
    /// </summary>
    public const int DrainStage = Silos.BeatSender.Stage - 1;

    /// <summary>Where the agents start and stop.</summary>
    public const int AgentStage = DrainStage - 1;

    public void Participate(ISiloLifecycle lifecycle) =>
        lifecycle.Subscribe(nameof(FrontEndStreamDrain), DrainStage, _ => Task.CompletedTask, Drain);

    private async Task Drain(CancellationToken cancellationToken)
    {
        // The grains that write are gone. This silo has no queue of its own by now: its status has said for a while that it shuts down.
        queues.Refuse();
        var idle = Task.WhenAll(queues.All.Select(queue => queue.WhenIdle()));
        try
        {
            await idle.WaitAsync(options.Value.DrainTimeout, time, cancellationToken);
        }
        catch (Exception ended) when (ended is TimeoutException or OperationCanceledException)
        {
            LogUndelivered(queues.PerFrontEnd().Sum(queue => queue.QueuedEnvelopes));
        }
    }

    [LoggerMessage(1004, LogLevel.Warning, "Stopping with {Envelopes} envelopes undelivered, besides those under way: a front-end does not take them.")]
    private partial void LogUndelivered(int envelopes);
}
