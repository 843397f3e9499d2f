using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// How far this front-end has come in one channel, and what to do with what the stream brings: the next offset is delivered, an older one dropped,
/// what lies behind a hole held until the hole is filled, a lower epoch dropped, a higher one followed. Pure: no clock, no calls. A part of its channel
/// and no object of its own: channels are many.
/// </summary>
internal struct ChannelCursor
{
    // Behind a hole no more is held than this (the ring holds the same, so what is dropped here can be read from the grain).
    private const int MaxHeld = 1000;
    private const int MaxHeldBytes = 1 << 20;

    // Null where nothing is held: most channels never hold anything.
    private SortedDictionary<ulong, Publication>? _held;
    private int _heldBytes;

    /// <summary>The epoch followed; <see cref="ChannelEpoch.None"/> before the first attach.</summary>
    public ChannelEpoch Epoch { get; private set; }

    /// <summary>The last offset delivered.</summary>
    public ulong Offset { get; private set; }

    /// <summary>Whether the cursor knows its place. Until then everything of the highest epoch seen is held.</summary>
    public bool IsPlaced { get; private set; }

    /// <summary>Where the channel is now for this front-end.</summary>
    public readonly ChannelPosition Position => new(Epoch, Offset);

    /// <summary>Whether something is held behind a hole.</summary>
    public readonly bool HasHole => IsPlaced && _held is not null;

    /// <summary>The lowest offset held; null: none is.</summary>
    public readonly ulong? FirstHeld => _held?.Keys.First();

    /// <summary>Whether a batch goes on exactly where the cursor stands, and nothing else waits.</summary>
    public readonly bool IsNext(ChannelPublications batch) => IsPlaced && _held is null && batch.Epoch == Epoch && batch.Items[0].Offset == Offset + 1;

    /// <summary>Takes what the stream brought.</summary>
    /// <param name="batch">Consecutive publications.</param>
    /// <param name="deliver">Gets what is to be delivered now, in order.</param>
    public CursorVerdict Accept(ChannelPublications batch, List<Publication> deliver)
    {
        if (batch.Epoch < Epoch)
            return CursorVerdict.Dropped;
        if (batch.Epoch > Epoch)
        {
            if (IsPlaced)
                return CursorVerdict.HigherEpoch;
            Drop();
            Epoch = batch.Epoch;
        }
        foreach (var publication in batch.Items)
            Take(publication, deliver);
        if (IsPlaced)
            Release(deliver);
        return HasHole ? CursorVerdict.Hole : CursorVerdict.InOrder;
    }

    /// <summary>Takes the place an attach answered, once; later attaches of the same epoch only tell whether something is missing.</summary>
    public void Place(ChannelPosition position, List<Publication> deliver)
    {
        if (position.Epoch != Epoch)
            Drop();
        Epoch = position.Epoch;
        Offset = position.Offset;
        IsPlaced = true;
        Release(deliver);
    }

    /// <summary>Follows a higher epoch from its beginning; what was held of the old one is dropped.</summary>
    public void Follow(ChannelEpoch epoch)
    {
        Drop();
        Epoch = epoch;
        Offset = 0;
        IsPlaced = true;
    }

    /// <summary>Takes what was read from the grain to fill a hole.</summary>
    public void Fill(IReadOnlyList<Publication> publications, List<Publication> deliver)
    {
        foreach (var publication in publications)
            Take(publication, deliver);
        Release(deliver);
    }

    /// <summary>Gives up the part up to an offset: it is no longer to be had.</summary>
    public void Skip(ulong offset, List<Publication> deliver)
    {
        if (offset > Offset)
            Offset = offset;
        Release(deliver);
    }

    private void Take(Publication publication, List<Publication> deliver)
    {
        if (IsPlaced && publication.Offset <= Offset)
            return;
        if (IsPlaced && publication.Offset == Offset + 1)
        {
            Offset = publication.Offset;
            deliver.Add(publication);
        }
        else if (_heldBytes + publication.Data.Length <= MaxHeldBytes && (_held is null || _held.Count < MaxHeld) && (_held ??= []).TryAdd(publication.Offset, publication))
        {
            _heldBytes += publication.Data.Length;
        }
    }

    private void Drop()
    {
        _held = null;
        _heldBytes = 0;
    }

    private void Release(List<Publication> deliver)
    {
        while (_held is { Count: > 0 })
        {
            var (offset, publication) = _held.First();
            if (offset > Offset + 1)
                return;
            _held.Remove(offset);
            _heldBytes -= publication.Data.Length;
            if (offset == Offset + 1)
            {
                Offset = offset;
                deliver.Add(publication);
            }
        }
        _held = null;
    }
}

/// <summary>What a cursor made of a batch.</summary>
internal enum CursorVerdict
{
    /// <summary>Delivered, or held before the first place is known.</summary>
    InOrder,

    /// <summary>Of a lower epoch.</summary>
    Dropped,

    /// <summary>Something is missing before what came: read it from the grain.</summary>
    Hole,

    /// <summary>The channel has begun a new epoch: attach again, then offer the batch once more.</summary>
    HigherEpoch,
}
