using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>
/// The one order of a channel: gives ids and offsets, knows repeats, keeps history. A batch is first numbered, which nobody sees, then kept, which
/// makes it visible: what a class promises before fan-out lies between the two. Not thread-safe: the channel's grain is its only user.
/// </summary>
internal sealed class ChannelSequence
{
    private readonly TimeProvider _time;
    private readonly NamespaceOptions _options;
    private readonly RateLimit? _rate;

    // Made with the first publication, and with the first key: a channel that only has a subscriber has neither.
    private PublicationIds? _ids;
    private History? _history;
    private IdempotencyKeys? _keys;
    private ulong _numbered;

    /// <summary>A new sequence, at offset 0 of an epoch.</summary>
    public ChannelSequence(NamespaceOptions options, ChannelEpoch epoch, TimeProvider time)
    {
        Epoch = epoch;
        _options = options;
        _time = time;
        _rate = options.PublishesPerSecond > 0 ? new RateLimit(options.PublishesPerSecond, time) : null;
    }

    /// <summary>Goes on where <see cref="Save"/> was called on another silo.</summary>
    public ChannelSequence(NamespaceOptions options, MovedSequence moved, TimeProvider time)
        : this(options, moved.Position.Epoch, time)
    {
        _numbered = moved.Position.Offset;
        Kept.Restore(moved.Position.Offset, moved.History, moved.HistoryAges);
        var now = time.GetTimestamp();
        foreach (var key in moved.Keys)
        {
            var at = now - (long)(key.Age.TotalSeconds * time.TimestampFrequency);
            Keys.Add(key.Key, new IdempotencyKeys.Known(new UInt128(key.FingerprintHigh, key.FingerprintLow), key.Id, key.Offset, at));
        }
    }

    /// <summary>The run of offsets. Set anew only while nobody has been told the old one.</summary>
    public ChannelEpoch Epoch { get; set; }

    /// <summary>Where the channel stands.</summary>
    public ChannelPosition Position => new(Epoch, _history?.Top ?? 0);

    /// <summary>How many publications are kept.</summary>
    public int HistoryCount => _history?.Count ?? 0;

    /// <summary>The oldest offset that a client may still ask for, by history or by an idempotency key.</summary>
    public ulong OldestNeeded => Math.Min(_history?.Oldest ?? 1, _keys?.OldestOffset ?? ulong.MaxValue);

    /// <summary>How long from now until there is nothing left that a client could come back for.</summary>
    public TimeSpan TimeLeft
    {
        get
        {
            var history = _history?.TimeLeft ?? TimeSpan.Zero;
            return _keys?.TimeLeft > history ? _keys.TimeLeft : history;
        }
    }

    private History Kept => _history ??= new History(_options.Class == ChannelClass.Ephemeral ? 0 : _options.HistorySize, _options.HistoryBytes, _options.HistoryTtl, _time);

    private IdempotencyKeys Keys => _keys ??= new IdempotencyKeys(_options.IdempotencyKeys, _options.IdempotencyTtl, _time);

    /// <summary>About how many bytes <see cref="Save"/> comes to on the wire.</summary>
    // 150: ids, times and framing of a publication or key, by measurement.
    public long MoveBytes => (_history?.Bytes ?? 0) + (150L * (HistoryCount + (_keys?.Count ?? 0) + 1));

    /// <summary>Gives each draft its place, or the answer its key had before, or (<see cref="PublishRefusal.TooMany"/>) none. Drafts later in the batch see the keys of earlier ones.</summary>
    /// <param name="batch">The drafts.</param>
    /// <param name="results">Gets the answer to each: room for as many.</param>
    public NumberedBatch Number(ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results)
    {
        var now = _time.GetUtcNow();
        var timestamp = _time.GetTimestamp();
        var publications = new Publication[batch.Length];
        var count = 0;
        for (var i = 0; i < batch.Length; i++)
        {
            var draft = batch[i];
            UInt128 fingerprint = default;
            if (draft.IdempotencyKey is { } key)
            {
                fingerprint = Fingerprint.Of(draft);
                if (_keys is not null && _keys.TryFind(key, timestamp, out var known))
                {
                    results[i] = known.Fingerprint == fingerprint
                        ? new PublishResult(PublishRefusal.None, known.Id, new ChannelPosition(Epoch, known.Offset), Repeated: true)
                        : new PublishResult(PublishRefusal.KeyReused, null, default);
                    continue;
                }
            }
            // Behind the keys: a repeat is told what it was told before, however fast it comes.
            if (_rate?.TryTake() == false)
            {
                results[i] = new PublishResult(PublishRefusal.TooMany, null, default);
                continue;
            }
            var id = (_ids ??= new PublicationIds()).Next(now);
            var offset = ++_numbered;
            if (draft.IdempotencyKey is not null)
                Keys.Add(draft.IdempotencyKey, new IdempotencyKeys.Known(fingerprint, id, offset, timestamp));
            publications[count++] = new Publication(id, offset, draft.Data, draft.Shape, now, draft.Event, draft.Tags, draft.Publisher, draft.Origin);
            results[i] = new PublishResult(PublishRefusal.None, id, new ChannelPosition(Epoch, offset));
        }
        return new NumberedBatch(count == publications.Length ? publications : publications[..count], timestamp);
    }

    /// <summary>Makes a numbered batch part of the channel. Batches are kept in the order they were numbered in.</summary>
    public void Keep(NumberedBatch batch)
    {
        foreach (var publication in batch.Publications)
            Kept.Keep(publication, batch.Timestamp);
    }

    /// <summary>Reads history, as <see cref="HistoryRequest"/> says.</summary>
    public HistoryPage Read(HistoryRequest request, ChannelLimitOptions limits)
    {
        if (_history is null)
            return new HistoryPage(Superseded: false, Position, [], request.Since == 0);
        var publications = _history.Read(request.Since, request.Until, Math.Min(request.Limit, limits.MaxRead), limits.PageBytes, request.Reverse, out var gapless);
        return new HistoryPage(Superseded: false, Position, publications, gapless);
    }

    /// <summary>Forgets history; offsets and keys stay.</summary>
    public void Erase() => _history?.Erase();

    /// <summary>All there is, for the silo that goes on with it.</summary>
    public MovedSequence Save()
    {
        var (publications, ages) = Kept.Save();
        return new MovedSequence(
            Position,
            publications,
            ages,
            [.. (_keys?.Save() ?? []).Select(k => new MovedKey(k.Key, (ulong)(k.Known.Fingerprint >> 64), (ulong)k.Known.Fingerprint, k.Known.Id, k.Known.Offset, k.Age))]);
    }
}

/// <summary>A batch that has its numbers.</summary>
/// <param name="Publications">The new ones: consecutive offsets.</param>
/// <param name="Timestamp">When.</param>
internal readonly record struct NumberedBatch(Publication[] Publications, long Timestamp);
