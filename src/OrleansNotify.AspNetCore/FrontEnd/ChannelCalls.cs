using Microsoft.Extensions.Logging;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Channels.Presence;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// The calls a front-end makes to channel grains, each with a deadline and without exceptions: for seconds after a silo's crash calls fail, and
/// whoever asked tries again.
/// </summary>
internal sealed partial class ChannelCalls(IGrainFactory grains, ILocalSiloDetails silo, TimeProvider time, ILogger<ChannelCalls> logger) : IDisposable
{
    // As many attaches at once as a re-attach after a silo's death is allowed (ARCHITECTURE, Beats).
    private readonly SemaphoreSlim _attaching = new(256);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);
    private long _numbers;

    /// <summary>The silo of this front-end.</summary>
    public SiloAddress FrontEnd => silo.SiloAddress;

    /// <summary>The next number for an attach or detach.</summary>
    public long NextNumber() => Interlocked.Increment(ref _numbers);

    /// <summary>Attaches; null when it failed.</summary>
    public async Task<AttachReply?> Attach(string channel, Attachment attachment)
    {
        await _attaching.WaitAsync();
        try
        {
            using var deadline = new CancellationTokenSource(Deadline, time);
            return await grains.GetGrain<IChannelGrain>(channel).Attach(attachment, deadline.Token).AsTask().WaitAsync(Deadline, time);
        }
        catch (Exception exception)
        {
            LogCallFailed("attach", channel, exception);
            return null;
        }
        finally
        {
            _attaching.Release();
        }
    }

    /// <summary>Reads history; null when it failed.</summary>
    public async Task<HistoryPage?> Read(string channel, HistoryRequest request)
    {
        try
        {
            using var deadline = new CancellationTokenSource(Deadline, time);
            return await grains.GetGrain<IChannelGrain>(channel).Read(request, deadline.Token).AsTask().WaitAsync(Deadline, time);
        }
        catch (Exception exception)
        {
            LogCallFailed("read", channel, exception);
            return null;
        }
    }

    /// <summary>Announces members; null when it failed.</summary>
    public async Task<PresenceReply?> Announce(string channel, PresenceAnnouncement announcement)
    {
        try
        {
            using var deadline = new CancellationTokenSource(Deadline, time);
            return await grains.GetGrain<IChannelGrain>(channel).Announce(announcement, deadline.Token).AsTask().WaitAsync(Deadline, time);
        }
        catch (Exception exception)
        {
            LogCallFailed("announce", channel, exception);
            return null;
        }
    }

    /// <summary>Asks who is on a channel; null when it failed.</summary>
    public async Task<PresenceState?> Presence(string channel, bool withMembers)
    {
        try
        {
            using var deadline = new CancellationTokenSource(Deadline, time);
            return await grains.GetGrain<IChannelGrain>(channel).GetPresence(withMembers, deadline.Token).AsTask().WaitAsync(Deadline, time);
        }
        catch (Exception exception)
        {
            LogCallFailed("presence", channel, exception);
            return null;
        }
    }

    /// <summary>Detaches. A failure is left to the lease.</summary>
    public async Task Detach(string channel, long number)
    {
        try
        {
            await grains.GetGrain<IChannelGrain>(channel).Detach(silo.SiloAddress, number).AsTask().WaitAsync(Deadline, time);
        }
        catch (Exception exception)
        {
            LogCallFailed("detach", channel, exception);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _attaching.Dispose();

    [LoggerMessage(5001, LogLevel.Debug, "Call {Call} to channel {Channel} failed; it is tried again if still needed.")]
    private partial void LogCallFailed(string call, string channel, Exception exception);
}
