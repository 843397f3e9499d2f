using Microsoft.Extensions.Logging;
using Orleans.Storage;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels.Durable;

/// <summary>
/// A durable channel's one writer: takes the publishes that wait, commits them together, and only then makes them visible and answers. What comes
/// while a commit is under way is the next one's (group commit). After a failed commit nothing is known, so nothing goes on from memory: the log is
/// opened again, and what it holds is what was published. Runs in the turns of the channel's grain.
/// </summary>
/// <param name="owner">The grain's part.</param>
/// <param name="newLog">A log that nobody has opened. Each opening takes a new one: a call to the last that was given up may still be writing.</param>
/// <param name="world">What all durable channels of a silo share.</param>
/// <param name="options">Of the channel.</param>
internal sealed partial class DurableChannel(IDurableOwner owner, Func<ChannelLog> newLog, DurableSurroundings world, NamespaceOptions options)
{
    /// <summary>A store that has not answered by then counts as away: publishers have been promised an answer within 2 s.</summary>
    public static readonly TimeSpan StoreDeadline = TimeSpan.FromSeconds(1.5);

    // Two activations that open the log at once: one of them gives way.
    private const int MaxConflicts = 3;

    private const string NoAnswer = "The store of durable channels does not answer.";

    private readonly ILogger _logger = world.Logger;
    private readonly CommitQueue _waiting = new(world.Time);
    private readonly List<TaskCompletionSource<bool>> _erasures = [];
    private ChannelLog _log = null!; // set by each opening
    private ChannelSequence? _sequence;
    private ChannelPosition _shown;
    private TaskCompletionSource _opened = NewSource();
    private Task _run = Task.CompletedTask;
    private bool _isOpen;
    private bool _ended;
    private int _conflicts;

    /// <summary>Opens the log.</summary>
    public void Start() => Wake();

    /// <summary>Completes when the log has been opened once.</summary>
    /// <exception cref="OrleansException">The store does not answer.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    public async Task WhenOpen()
    {
        if (_sequence is null && !_ended)
            await _opened.Task.WaitAsync(StoreDeadline, world.Time);
        if (_sequence is null)
            throw new OrleansException(NoAnswer);
    }

    /// <summary>Publishes.</summary>
    public async ValueTask<PublishResult[]> Publish(PublicationDraft[] batch)
    {
        var answered = _ended || (!_isOpen && world.Breaker.IsTripped) ? null : _waiting.TryAdd(batch);
        if (answered is null)
        {
            var refused = new PublishResult[batch.Length];
            Array.Fill(refused, new PublishResult(PublishRefusal.NotAccepted, null, default));
            return refused;
        }
        Wake();
        return await answered;
    }

    /// <summary>Erases history.</summary>
    /// <exception cref="OrleansException">Not done: the store does not answer.</exception>
    public async Task Erase()
    {
        var erased = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!_ended)
        {
            _erasures.Add(erased);
            Wake();
        }
        if (_ended || !await erased.Task)
            throw new OrleansException(NoAnswer);
    }

    /// <summary>
    /// A front-end has seen this position. When it is ahead, another activation has committed since, or the store has lost commits: the log is read
    /// again, and where it is still behind, a new epoch begins.
    /// </summary>
    /// <returns>True: this activation ends, ask the next one.</returns>
    public async Task<bool> IsSuperseded(ChannelPosition seen)
    {
        if (!IsAhead(seen, _sequence!.Position))
            return false;
        _shown = seen;
        _isOpen = false;
        if (_opened.Task.IsCompleted)
            _opened = NewSource();
        Wake();
        await _opened.Task.WaitAsync(StoreDeadline, world.Time);
        return _ended;
    }

    /// <summary>Takes no more and waits for the commit under way.</summary>
    public async Task Stop()
    {
        _ended = true;
        Refuse();
        await _run.WaitAsync(StoreDeadline, world.Time).ConfigureAwait(ConfigureAwaitOptions.ContinueOnCapturedContext | ConfigureAwaitOptions.SuppressThrowing);
    }

    private static TaskCompletionSource NewSource()
    {
        var source = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = source.Task.ContinueWith(static t => t.Exception, TaskScheduler.Default); // it may fail with nobody waiting
        return source;
    }

    private static bool IsAhead(ChannelPosition seen, ChannelPosition position) =>
        seen.Epoch > position.Epoch || (seen.Epoch == position.Epoch && seen.Offset > position.Offset);

    private void Wake()
    {
        if (_run.IsCompleted && !_ended)
            _run = Run();
    }

    private async Task Run()
    {
        await Task.Yield(); // whoever wakes it is not held up
        try
        {
            while (!_ended && (!_isOpen || _erasures.Count > 0 || !_waiting.IsEmpty))
            {
                if (!_isOpen)
                    await Open();
                else if (_erasures.Count > 0)
                    await EraseNow();
                else
                    await CommitNext();
            }
        }
        catch (Exception exception)
        {
            LogFault(owner.Name, exception);
            End();
        }
    }

    private async Task Open()
    {
        if (world.Breaker.IsTripped)
        {
            Refuse();
            await world.Breaker.WaitForTurn();
        }
        await world.Breaker.Opening.WaitAsync();
        try
        {
            if (_ended)
                return;
            _log = newLog();
            var log = await _log.Open(world.Epochs.Next).WaitAsync(StoreDeadline, world.Time);
            await Adopt(log).WaitAsync(StoreDeadline, world.Time);
            world.Breaker.Succeeded();
            _conflicts = 0;
            _isOpen = !_ended;
            _opened.TrySetResult();
        }
        catch (InconsistentStateException)
        {
            world.Breaker.Succeeded();
            if (++_conflicts == MaxConflicts)
                End();
        }
        catch (Exception exception) when (exception is not InvalidDataException)
        {
            LogOpenFailed(owner.Name, exception);
            Fail();
        }
        finally
        {
            world.Breaker.Opening.Release();
        }
    }

    private async Task Adopt(OpenedLog log)
    {
        var visible = _sequence?.Position ?? default;
        var known = IsAhead(_shown, visible) ? _shown : visible;
        if (IsAhead(known, log.Position))
        {
            // Acknowledged publications are gone, and their offsets must not come again.
            world.Epochs.Shown(known.Epoch);
            await _log.BeginEpoch(world.Epochs.Next());
            LogStoreLost(owner.Name, known.Epoch, known.Offset, log.Position.Offset);
            End();
            return;
        }
        if (_sequence is not null && log.Position.Epoch != visible.Epoch)
        {
            End(); // another activation has begun a new epoch
            return;
        }
        var isFirst = _sequence is null;
        _sequence = Restored(log);
        owner.Opened(_sequence);
        // Commits whose outcome nobody knew.
        if (!isFirst && log.Position.Offset > visible.Offset)
            owner.Visible([.. log.Entries.Select(e => e.Publication).Where(p => p.Offset > visible.Offset)]);
    }

    private ChannelSequence Restored(OpenedLog log)
    {
        var now = world.Time.GetUtcNow();
        var history = log.Entries.Where(e => e.Publication.Offset > log.Erased).TakeLast(options.HistorySize).Select(e => e.Publication).ToArray();
        // Of a key the newest: where fewer were known, or for a shorter time, it may have come again.
        var keys = log.Entries.Where(e => e.Key is not null && Age(e.Publication) < options.IdempotencyTtl)
            .Reverse().DistinctBy(e => e.Key).Take(options.IdempotencyKeys).Reverse()
            .Select(e => new MovedKey(e.Key!, e.FingerprintHigh, e.FingerprintLow, e.Publication.Id, e.Publication.Offset, Age(e.Publication)));
        return new ChannelSequence(options, new MovedSequence(log.Position, history, [.. history.Select(Age)], [.. keys]), world.Time);

        TimeSpan Age(Publication publication) => publication.PublishedAt < now ? now - publication.PublishedAt : TimeSpan.Zero;
    }

    private async Task CommitNext()
    {
        var group = _waiting.Take(_log.Room, ChannelLog.SegmentBytes, out var more);
        if (group.Drafts.Count == 0)
            return;
        var results = new PublishResult[group.Drafts.Count];
        var numbered = _sequence!.Number([.. group.Drafts], results);
        if (numbered.Publications.Length > 0 && !await TryStore(() => _log.Commit(Entries(group, numbered, results), more)))
        {
            group.Refuse(PublishRefusal.Unknown);
            return;
        }
        _sequence.Keep(numbered);
        if (numbered.Publications.Length > 0)
            owner.Visible(numbered.Publications);
        group.Answer(results);
        _log.Tidy(_sequence.OldestNeeded);
    }

    private async Task EraseNow()
    {
        var erasures = _erasures.ToArray();
        _erasures.Clear();
        var isErased = await TryStore(_log.Erase);
        if (isErased)
            _sequence!.Erase();
        foreach (var erased in erasures)
            erased.SetResult(isErased);
    }

    // False: whether it was stored is not known.
    private async Task<bool> TryStore(Func<Task> store)
    {
        try
        {
            await store().WaitAsync(StoreDeadline, world.Time);
            return true;
        }
        catch (InconsistentStateException exception)
        {
            LogConflict(owner.Name, exception);
            End();
            return false;
        }
        catch (Exception exception)
        {
            LogStoreFailed(owner.Name, exception);
            Fail();
            return false;
        }
    }

    private void Fail()
    {
        world.Breaker.Failed();
        _isOpen = false;
        Refuse();
    }

    private void End()
    {
        _ended = true;
        Refuse();
        owner.End();
    }

    private void Refuse()
    {
        _waiting.RefuseAll(PublishRefusal.NotAccepted);
        foreach (var erased in _erasures)
            erased.SetResult(false);
        _erasures.Clear();
        var opened = _opened;
        _opened = NewSource();
        if (_ended)
            opened.TrySetResult();
        else
            opened.TrySetException(new OrleansException(NoAnswer));
    }

    private static LogEntry[] Entries(CommitGroup group, NumberedBatch numbered, PublishResult[] results)
    {
        var entries = new LogEntry[numbered.Publications.Length];
        var count = 0;
        for (var i = 0; count < entries.Length; i++)
        {
            if (results[i] is { Refusal: PublishRefusal.None, Repeated: false })
            {
                var draft = group.Drafts[i];
                var fingerprint = draft.IdempotencyKey is null ? default : Fingerprint.Of(draft);
                entries[count] = new LogEntry(numbered.Publications[count], draft.IdempotencyKey, (ulong)(fingerprint >> 64), (ulong)fingerprint);
                count++;
            }
        }
        return entries;
    }

    [LoggerMessage(2010, LogLevel.Warning, "Channel {Channel}: its log cannot be opened; it is tried again.")]
    private partial void LogOpenFailed(string channel, Exception exception);

    [LoggerMessage(2011, LogLevel.Warning, "Channel {Channel}: a commit failed; whether it was stored is seen when the log can be read again.")]
    private partial void LogStoreFailed(string channel, Exception exception);

    [LoggerMessage(2012, LogLevel.Warning, "Channel {Channel}: another activation has taken the log over; this one ends.")]
    private partial void LogConflict(string channel, Exception exception);

    [LoggerMessage(2013, LogLevel.Error, "Channel {Channel}: the store has lost acknowledged publications: epoch {Epoch} had come to offset {Known}, the store has it at {Found}. A new epoch begins.")]
    private partial void LogStoreLost(string channel, ChannelEpoch epoch, ulong known, ulong found);

    [LoggerMessage(2014, LogLevel.Error, "Channel {Channel}: its log cannot be used; this activation ends.")]
    private partial void LogFault(string channel, Exception exception);
}

/// <summary>What a durable channel needs of its grain. Called in the grain's turns.</summary>
internal interface IDurableOwner
{
    /// <summary>The channel.</summary>
    string Name { get; }

    /// <summary>The log has been read: this is the channel now.</summary>
    void Opened(ChannelSequence sequence);

    /// <summary>These are committed and kept: stream them.</summary>
    void Visible(Publication[] publications);

    /// <summary>The activation must end.</summary>
    void End();
}

/// <summary>What all durable channels of a silo share.</summary>
/// <param name="Storage">Where their logs are.</param>
/// <param name="Codec">For their entries.</param>
/// <param name="Breaker">Knows whether the store answers.</param>
/// <param name="Epochs">Makes epochs.</param>
/// <param name="Time">The silo's clock.</param>
/// <param name="Logger">For <see cref="DurableChannel"/>.</param>
internal sealed record DurableSurroundings(
    IGrainStorage Storage,
    LogEntryCodec Codec,
    StorageBreaker Breaker,
    ChannelEpochs Epochs,
    TimeProvider Time,
    ILogger<DurableChannel> Logger);
