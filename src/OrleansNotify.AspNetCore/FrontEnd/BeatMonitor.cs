using Microsoft.Extensions.Logging;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// What a front-end makes of the beats of the silos that host its channels: tail losses, forgotten attachments and dead pipes are found here, at a
/// cost of silos², not of channels.
/// </summary>
internal sealed partial class BeatMonitor(AttachedChannels attached, ChannelCalls calls, IGrainFactory grains, TimeProvider time, ILogger<BeatMonitor> logger)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(3);

    /// <summary>Takes a beat. Everything the sender streamed before it has been received, so a higher offset than ours shows a loss.</summary>
    public void Receive(Beat beat, NotifyFrontEnd frontEnd)
    {
        var verdict = attached.Heard(beat);
        foreach (var changed in beat.Changed)
        {
            frontEnd.Post(changed.Channel, changed.Position);
            if (changed.PresenceVersion > 0)
                frontEnd.Post(changed.Channel, new PresenceVersion(changed.PresenceVersion));
        }
        if (beat.Ended.Length > 0)
            frontEnd.AttachAgain(beat.Ended);
        _ = Answer(beat, verdict, frontEnd);
    }

    /// <summary>Looks for silos that have been silent too long, once a second.</summary>
    public void LookForSilence(NotifyFrontEnd frontEnd)
    {
        foreach (var host in attached.TakeSilent())
        {
            LogSilent(host);
            frontEnd.AttachAgain(host);
        }
    }

    /// <summary>A silo has died: its channels are attached again at once, wherever they come up.</summary>
    public void HostDied(SiloAddress host, NotifyFrontEnd frontEnd) => frontEnd.AttachAgain(host);

    private async Task Answer(Beat beat, BeatVerdict verdict, NotifyFrontEnd frontEnd)
    {
        try
        {
            var host = grains.GetGrain<IAttachmentsGrain>(beat.From.ToParsableString());
            await host.Renew(calls.FrontEnd, beat.Sequence).AsTask().WaitAsync(Deadline, time);
            if (verdict == BeatVerdict.Missed)
            {
                frontEnd.AttachAgain(beat.From);
            }
            else if (verdict == BeatVerdict.Differs)
            {
                LogDiffers(beat.From);
                frontEnd.AttachAgain(await host.Reconcile(calls.FrontEnd, await frontEnd.AttachedTo(beat.From)).AsTask().WaitAsync(Deadline, time));
            }
        }
        catch (Exception exception)
        {
            LogNotAnswered(beat.From, exception); // the next beat is answered, or membership declares the silo dead
        }
    }

    [LoggerMessage(5030, LogLevel.Warning, "No beat from {Silo} for too long although channels of ours live there; attaching them again.")]
    private partial void LogSilent(SiloAddress silo);

    [LoggerMessage(5031, LogLevel.Warning, "{Silo} and this front-end disagree on what is attached; exchanging lists.")]
    private partial void LogDiffers(SiloAddress silo);

    [LoggerMessage(5032, LogLevel.Debug, "Could not answer a beat of {Silo}.")]
    private partial void LogNotAnswered(SiloAddress silo, Exception exception);
}
