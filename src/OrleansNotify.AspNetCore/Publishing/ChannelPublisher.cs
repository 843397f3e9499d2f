using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>
/// The road of every publication from this process to its channel grain. A channel that lives on this silo takes it within the publisher's own call
/// (<see cref="IHostedChannels"/>), unless others keep it busy. Otherwise concurrent publishes to one channel travel together: one grain call in
/// flight per channel, at most 256 items each; the first goes at once, so that an idle channel pays nothing. A durable channel's call is a commit to
/// storage: publishers that were answered together and go on are waited for, for a part of what the commit took, so that they share the next one
/// instead of one of them going ahead alone and the others waiting for it (results/durable.md).
/// </summary>
public sealed partial class ChannelPublisher : IDisposable
{
    // By then a publisher is told "unknown" rather than kept waiting; the call goes on.
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    // How much sooner than at the deadline the answer may come. One timer for all calls: one each would cost more than the call's own bookkeeping.
    private static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(250);

    // Before each retry, in milliseconds, and all within the deadline. A moving activation needs a moment to be found at its new place, a dead silo's
    // channels are away until the cluster knows of the death.
    private static readonly int[] RetryDelays = [20, 40, 80, 160, 320, 320, 320, 320];

    // A grain that answers is there: one that refuses for longer than a move takes has a reason, and publishers are told so soon.
    private const int RetriesOfARefusal = 4;

    // A quarter of what the last call took is waited for its publishers' next publications: a commit of one alone, and the others behind it, costs far more.
    private const int ShareOfACall = 4;

    // Below the first a timer is no shorter than the call; above the second the store is in trouble and collects enough behind it.
    private static readonly TimeSpan ShortestGathering = TimeSpan.FromMilliseconds(1), LongestGathering = TimeSpan.FromMilliseconds(10);

    // Publishers that were answered together so lately are about to come again: the first of them waits for the others.
    private static readonly TimeSpan Rush = TimeSpan.FromMilliseconds(1);

    // So many locks that two processors seldom meet at one; a power of two.
    private const int Stripes = 64;

    private readonly ChannelLanes[] _lanes = new ChannelLanes[Stripes];
    private readonly ChannelReferences _channels;
    private readonly IHostedChannels? _here;
    private readonly ChannelNamespaces _namespaces;
    private readonly NotifyMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ITimer _sweep;
    private bool _isSweeping;

    /// <summary>Creates the one publisher of the process.</summary>
    public ChannelPublisher(
        IGrainFactory grains, ChannelNamespaces namespaces, NotifyMetrics metrics, TimeProvider time, ILogger<ChannelPublisher> logger, IHostedChannels? here = null)
    {
        (_channels, _here, _namespaces, _metrics, _time, _logger) = (new ChannelReferences(grains), here, namespaces, metrics, time, logger);
        for (var i = 0; i < Stripes; i++)
            _lanes[i] = new ChannelLanes((long)(Rush.TotalSeconds * time.TimestampFrequency));
        _sweep = time.CreateTimer(static publisher => ((ChannelPublisher)publisher!).Expire(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Channels with a call in flight.</summary>
    internal int Lanes => _lanes.Sum(lanes => lanes.Count);

    /// <summary>Whether deadlines are looked at: only while calls are under way. In a server that stands still nothing ticks.</summary>
    internal bool IsSweeping => Volatile.Read(ref _isSweeping);

    /// <summary>
    /// Publishes one draft. Whatever fails is in the result: nothing is thrown but the cancellation. Cancelling stops the waiting, never a call
    /// that is under way.
    /// </summary>
    /// <param name="channel">A name that passes <see cref="ChannelName.TryCheck"/>.</param>
    /// <param name="draft">What to publish.</param>
    /// <param name="cancellationToken">Stops the waiting.</param>
    /// <returns>Await it once.</returns>
    public ValueTask<PublishResult> Publish(string channel, PublicationDraft draft, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(channel);
        PublishResult result = default;
        if (TryPublishAtOnce(channel, new(in draft), new(ref result)))
            return new(result);
        var answer = Add(channel, draft, isOfMany: false, out var call);
        if (call is { Items: [] })
            Start(RunLater(call));
        else if (call is not null)
            Start(Run(call));
        return cancellationToken.CanBeCanceled ? new(answer.AsTask().WaitAsync(cancellationToken)) : answer;
    }

    /// <summary>The same for many drafts that were posted together: those for one channel travel together.</summary>
    /// <returns>The answers, in the batch's order.</returns>
    internal Task<PublishResult[]> Publish(PostedBatch batch)
    {
        var results = new PublishResult[batch.Count];
        List<(int Place, ValueTask<PublishResult> Answer)> later = [];
        List<PublishCall> calls = [];
        foreach (var (channel, places, drafts) in batch.ByChannel())
        {
            var areTogether = places[^1] - places[0] == places.Count - 1;
            var answers = areTogether ? results.AsSpan(places[0], places.Count) : new PublishResult[places.Count];
            var isDone = TryPublishAtOnce(channel, drafts, answers);
            for (var i = 0; i < places.Count; i++)
            {
                if (isDone)
                {
                    results[places[i]] = answers[i];
                    continue;
                }
#pragma warning disable CA2012 // Kept for the one await.
                later.Add((places[i], Add(channel, drafts[i], isOfMany: true, out var call)));
#pragma warning restore CA2012
                if (call is not null)
                    calls.Add(call);
            }
        }
        foreach (var call in calls)
            Start(RunCollected(call));
        return later.Count == 0 ? Task.FromResult(results) : Complete();

        async Task<PublishResult[]> Complete()
        {
            foreach (var (place, answer) in later)
                results[place] = await answer.ConfigureAwait(false);
            return results;
        }
    }

    // Without a lane, but not past what waits in one: the same publisher may have published that. What fails so that it is to be tried again, is so in a lane.
    private bool TryPublishAtOnce(string channel, ReadOnlySpan<PublicationDraft> drafts, Span<PublishResult> results)
    {
        if (_here is null || !ChannelLanes.FitOneCall(drafts) || LanesOf(channel).Has(channel))
            return false;
        if (!TryPublishHere(channel, drafts, results, mayWait: false, out var hasFailed) || (hasFailed ? HaveKeys(drafts) : AreNotAccepted(results)))
            return false;
        if (!hasFailed)
            Count(results);
        else
            foreach (ref var result in results)
                result = Refuse(PublishRefusal.Unknown);
        return true;
    }

    private ValueTask<PublishResult> Add(string channel, PublicationDraft draft, bool isOfMany, out PublishCall? call)
    {
        call = null;
        if (_namespaces.Find(channel) is null)
            return new(Refuse(PublishRefusal.UnknownNamespace));
        var item = new PendingPublication(draft, _time.GetTimestamp());
        return LanesOf(channel).TryAdd(channel, item, isOfMany, out call) ? item.Answer : new(Refuse(PublishRefusal.NotAccepted));
    }

    private void Start(Task running)
    {
        if (!running.IsCompleted)
            Sweep();
    }

    /// <inheritdoc />
    public void Dispose() => _sweep.Dispose();

    private ChannelLanes LanesOf(string channel) => _lanes[channel.GetHashCode(StringComparison.Ordinal) & (Stripes - 1)];

    // Lets what is about to come collect, behind what waits for a thread now.
    private async Task RunLater(PublishCall collecting)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        await RunCollected(collecting).ConfigureAwait(false);
    }

    private Task RunCollected(PublishCall collecting) =>
        LanesOf(collecting.Channel).TryComplete(collecting, _time.GetTimestamp(), out var call) && call is not null ? Run(call) : Task.CompletedTask;

    // Makes a call and those that collect behind it. Whoever publishes first to an idle channel makes the call on its own thread; what follows
    // must not go on in that caller's scheduler.
    private async Task Run(PublishCall call)
    {
        var lanes = LanesOf(call.Channel);
        var sending = Send(call);
        while (true)
        {
            var isAtOnce = sending.IsCompleted;
            var (results, refusal) = await sending.ConfigureAwait(false);
            if (isAtOnce && call.Items.Length == 1 && lanes.TryEnd(call))
            {
                Answer(call.Items, results, refusal);
                return;
            }
            // One that goes alone may be alone: it is not kept waiting. But whoever was answered at once has not gone on yet, and must not be kept by those behind.
            if (isAtOnce || call.Items.Length > 1)
            {
                if (lanes.TryGather(call, _time.GetTimestamp()) is not { } gathering)
                    return;
                if (PatienceFor(call) is { } patience)
                {
                    var gathered = gathering.IsFull.Task.WaitAsync(patience, _time);
                    Answer(call.Items, results, refusal);
                    await gathered.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                }
                else
                {
                    Answer(call.Items, results, refusal, isLast: false);
                    // Behind what waits for a thread now: the busier the process, the more goes into the next call, and the less each publication costs. Here, not
                    // in a method of its own: that may be over before it is looked at, and this thread, the publisher's, would go on with what is behind.
                    await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                }
                (call, results, refusal) = (gathering.Call, [], PublishRefusal.None); // nobody waits for this one
            }
            if (!lanes.TryComplete(call, _time.GetTimestamp(), out var next))
                return;
            if (next is not null)
                sending = Send(next); // on its way before the publisher of the last one goes on
            Answer(call.Items, results, refusal);
            if (next is null)
                return;
            call = next;
        }
    }

    // How long to wait for the next publications of publishers that were answered together; null: only for a thread.
    private TimeSpan? PatienceFor(PublishCall call)
    {
        var took = _time.GetElapsedTime(call.StartedAt);
        if (took < ShortestGathering || _namespaces.Find(call.Channel)?.Class != ChannelClass.Durable)
            return null;
        var patience = took / ShareOfACall;
        return patience < ShortestGathering ? ShortestGathering : patience > LongestGathering ? LongestGathering : patience;
    }

    // The grain's answers, or why there are none.
    private async ValueTask<(PublishResult[]? Results, PublishRefusal Refusal)> Send(PublishCall call)
    {
        var drafts = new PublicationDraft[call.Items.Length];
        for (var i = 0; i < drafts.Length; i++)
            drafts[i] = call.Items[i].Draft;
        var mayBeAccepted = false;
        for (var retry = 0; ; retry++)
        {
            var sent = await SendOnce(call.Channel, drafts).ConfigureAwait(false);
            // Nothing was numbered, so nothing can be doubled, or all have keys and a repeat is known; and nothing of this channel has overtaken: it
            // has one call in flight.
            var isRefused = IsNotAccepted(sent);
            if (!isRefused && !IsRepeatable(sent, drafts))
                return sent;
            mayBeAccepted |= !isRefused;
            var answer = mayBeAccepted ? (null, PublishRefusal.Unknown) : sent;
            if (retry >= (sent.Results is null ? RetryDelays.Length : RetriesOfARefusal))
                return answer;
            if (!mayBeAccepted)
                call.Pause();
            await Task.Delay(TimeSpan.FromMilliseconds(RetryDelays[retry]), _time).ConfigureAwait(false);
            if (!call.TryGoOn())
                return answer;
        }
    }

    private async ValueTask<(PublishResult[]? Results, PublishRefusal Refusal)> SendOnce(string channel, PublicationDraft[] drafts)
    {
        var answers = new PublishResult[drafts.Length];
        if (TryPublishHere(channel, drafts, answers, mayWait: true, out var hasFailed))
            return hasFailed ? (null, PublishRefusal.Unknown) : (answers, PublishRefusal.None);
        ValueTask<PublishResult[]> call;
        try
        {
            call = _channels.Get(channel).Publish(drafts);
        }
        catch (Exception exception)
        {
            LogNotSent(channel, exception);
            return (null, PublishRefusal.NotAccepted);
        }
        try
        {
            var results = await call.ConfigureAwait(false);
            return results.Length == drafts.Length ? (results, PublishRefusal.None) : (null, PublishRefusal.Unknown);
        }
        catch (Exception exception)
        {
            var refusal = PublishOutcome.Of(exception);
            LogFailed(channel, refusal, exception);
            return (null, refusal);
        }
    }

    // False: nothing was done. Where it has failed, that is not known.
    private bool TryPublishHere(string channel, ReadOnlySpan<PublicationDraft> drafts, Span<PublishResult> results, bool mayWait, out bool hasFailed)
    {
        hasFailed = false;
        try
        {
            return _here is not null && _here.TryPublish(channel, drafts, results, mayWait);
        }
        catch (Exception exception)
        {
            LogFailed(channel, PublishRefusal.Unknown, exception);
            hasFailed = true;
            return true;
        }
    }

    private static bool IsNotAccepted((PublishResult[]? Results, PublishRefusal Refusal) sent) =>
        sent.Results is null ? sent.Refusal == PublishRefusal.NotAccepted : AreNotAccepted(sent.Results);

    private static bool AreNotAccepted(ReadOnlySpan<PublishResult> results)
    {
        foreach (ref readonly var result in results)
        {
            if (result.Refusal != PublishRefusal.NotAccepted)
                return false;
        }
        return true;
    }

    // The silo was lost with the call under way (in the last moments of a drain, say): what its publishers would do next is done here.
    private static bool IsRepeatable((PublishResult[]? Results, PublishRefusal Refusal) sent, PublicationDraft[] drafts) =>
        sent is (null, PublishRefusal.Unknown) && HaveKeys(drafts);

    private static bool HaveKeys(ReadOnlySpan<PublicationDraft> drafts)
    {
        foreach (var draft in drafts)
        {
            if (draft.IdempotencyKey is null)
                return false;
        }
        return true;
    }

    // Answers of a batch go on side by side; a single one right here, which saves a change of thread, unless others wait for this one.
    private void Answer(PendingPublication[] items, PublishResult[]? results, PublishRefusal refusal, bool isLast = true)
    {
        if (results is not null)
            Count(results);
        for (var i = 0; i < items.Length; i++)
            items[i].Complete(results is null ? Refuse(refusal) : results[i], inline: isLast && items.Length == 1);
    }

    private void Count(ReadOnlySpan<PublishResult> results)
    {
        var published = 0;
        foreach (ref readonly var result in results)
        {
            if (result.Refusal != PublishRefusal.None)
                _metrics.Refused(result.Refusal);
            else if (!result.Repeated)
                published++;
        }
        if (published > 0)
            _metrics.Published(published);
    }

    private PublishResult Refuse(PublishRefusal refusal)
    {
        _metrics.Refused(refusal);
        return new PublishResult(refusal, null, default);
    }

    private void Sweep()
    {
        if (!IsSweeping && !Interlocked.Exchange(ref _isSweeping, true))
            _sweep.Change(SweepPeriod, SweepPeriod);
    }

    private void Expire()
    {
        if (Lanes == 0)
        {
            _sweep.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            Interlocked.Exchange(ref _isSweeping, false);
            if (Lanes > 0) // begun meanwhile, in the belief that we sweep
                Sweep();
            return;
        }
        var now = _time.GetTimestamp();
        var before = now - (long)((Deadline - SweepPeriod).TotalSeconds * _time.TimestampFrequency);
        var abandoned = new List<PublishCall>();
        var unsent = new List<PendingPublication>();
        var next = new List<PublishCall>();
        foreach (var lanes in _lanes)
            lanes.Expire(before, now, abandoned, unsent, next);
        foreach (var call in next)
            _ = Run(call);
        foreach (var call in abandoned)
        {
            LogDeadline(call.Channel, call.Items.Length);
            foreach (var item in call.Items)
                item.Complete(Refuse(call.Outcome), inline: false);
        }
        foreach (var item in unsent)
            item.Complete(Refuse(PublishRefusal.NotAccepted), inline: false);
    }

    [LoggerMessage(4001, LogLevel.Warning, "Channel {Channel}: a publish could not be sent.")]
    private partial void LogNotSent(string channel, Exception exception);

    [LoggerMessage(4002, LogLevel.Warning, "Channel {Channel}: a publish failed ({Outcome}).")]
    private partial void LogFailed(string channel, PublishRefusal outcome, Exception exception);

    [LoggerMessage(4003, LogLevel.Warning, "Channel {Channel}: no answer to a publish of {Count} within the deadline.")]
    private partial void LogDeadline(string channel, int count);
}
