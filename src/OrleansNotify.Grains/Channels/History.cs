using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>
/// The newest publications of one epoch, in a ring bounded by count, bytes and age. Also knows how far the channel has come, so that an
/// <see cref="ChannelClass.Ephemeral"/> channel is simply one with a ring of size 0. Not thread-safe: the channel's grain is its only user.
/// </summary>
/// <param name="size">At most this many publications; 0 keeps none.</param>
/// <param name="maxBytes">At most this many bytes, by <see cref="Cost"/>.</param>
/// <param name="ttl">None older than this.</param>
/// <param name="time">Ages are measured on its monotonic clock.</param>
internal sealed class History(int size, long maxBytes, TimeSpan ttl, TimeProvider time)
{
    private const int FirstCapacity = 8;

    // Grows by doubling up to size: most channels never fill their ring.
    private Entry[] _ring = [];
    private int _head;

    /// <summary>Offset of the newest publication, kept or not; 0 before the first.</summary>
    public ulong Top { get; private set; }

    /// <summary>How many are kept, counting those that have aged out since the last call.</summary>
    public int Count { get; private set; }

    /// <summary>Their bytes, by <see cref="Cost"/>.</summary>
    public long Bytes { get; private set; }

    /// <summary>How long from now until the newest kept has aged out; zero when none is kept.</summary>
    public TimeSpan TimeLeft => Count == 0 ? TimeSpan.Zero : Max(ttl - time.GetElapsedTime(At(Count - 1).KeptAt));

    /// <summary>Offset of the oldest that is kept, or the next offset when none is.</summary>
    public ulong Oldest => Top - (ulong)Count + 1;

    /// <summary>What a publication counts in a ring or page: its payload, event name and tags.</summary>
    public static int Cost(Publication publication)
    {
        var cost = publication.Data.Length + (publication.Event?.Length ?? 0);
        foreach (var tag in publication.Tags ?? [])
            cost += tag.Length;
        return cost;
    }

    /// <summary>Takes the next publication.</summary>
    /// <param name="publication">Its offset is <see cref="Top"/> + 1.</param>
    /// <param name="timestamp">Now.</param>
    public void Keep(Publication publication, long timestamp)
    {
        if (publication.Offset != Top + 1)
            throw new ArgumentException($"Offset {publication.Offset} does not follow {Top}.", nameof(publication));
        Top++;
        if (size == 0)
            return;
        if (Count == size)
            DropOldest();
        if (Count == _ring.Length)
            Grow();
        Count++;
        var cost = Cost(publication);
        Bytes += cost;
        At(Count - 1) = new Entry(publication, timestamp, cost);
        Trim(timestamp);
    }

    /// <summary>Goes on where another ring stopped; call on a fresh one.</summary>
    /// <param name="top">Its <see cref="Top"/>.</param>
    /// <param name="publications">What it kept, oldest first, the last one being number <paramref name="top"/>.</param>
    /// <param name="ages">How old each of them is.</param>
    public void Restore(ulong top, Publication[] publications, TimeSpan[] ages)
    {
        var now = time.GetTimestamp();
        Top = top - (ulong)publications.Length;
        for (var i = 0; i < publications.Length; i++)
            Keep(publications[i], now - (long)(ages[i].TotalSeconds * time.TimestampFrequency));
        Trim(now);
    }

    /// <summary>What <see cref="Restore"/> takes.</summary>
    public (Publication[] Publications, TimeSpan[] Ages) Save()
    {
        var now = time.GetTimestamp();
        Trim(now);
        var publications = new Publication[Count];
        var ages = new TimeSpan[Count];
        for (var i = 0; i < Count; i++)
            (publications[i], ages[i]) = (At(i).Publication, time.GetElapsedTime(At(i).KeptAt, now));
        return (publications, ages);
    }

    /// <summary>Forgets all that is kept; offsets go on.</summary>
    public void Erase()
    {
        _ring = [];
        _head = 0;
        Count = 0;
        Bytes = 0;
    }

    /// <summary>Reads since &lt; offset ≤ until.</summary>
    /// <param name="since">Exclusive.</param>
    /// <param name="until">Inclusive.</param>
    /// <param name="limit">At most this many; none when it is negative.</param>
    /// <param name="pageBytes">At most so many bytes, by <see cref="Cost"/>; the first publication is given in any case.</param>
    /// <param name="reverse">Newest first.</param>
    /// <param name="gapless">
    /// Whether nothing of the range is missing before or between the publications returned. An offset counts as missing when it was given and is
    /// no longer kept; a <paramref name="since"/> that was never given is never gapless.
    /// </param>
    public Publication[] Read(ulong since, ulong until, int limit, int pageBytes, bool reverse, out bool gapless)
    {
        Trim(time.GetTimestamp());
        until = Math.Min(until, Top);
        if (since >= until)
        {
            gapless = since <= Top;
            return [];
        }
        var first = Math.Max(since + 1, Oldest);
        var reaches = first == since + 1;
        if (first > until)
        {
            gapless = false;
            return [];
        }
        var page = new Publication[(int)Math.Min((ulong)Math.Max(limit, 0), until - first + 1)];
        var taken = 0;
        var bytes = 0;
        for (; taken < page.Length; taken++)
        {
            ref var entry = ref At((int)((reverse ? until - (ulong)taken : first + (ulong)taken) - Oldest));
            bytes += entry.Cost;
            if (taken > 0 && bytes > pageBytes)
                break;
            page[taken] = entry.Publication;
        }
        // Backwards, the missing part would come last: a page that ends before it misses nothing.
        gapless = reaches || (reverse && (ulong)taken < until - first + 1);
        return taken == page.Length ? page : page[..taken];
    }

    private static TimeSpan Max(TimeSpan left) => left > TimeSpan.Zero ? left : TimeSpan.Zero;

    private void Trim(long now)
    {
        while (Count > 0 && (Bytes > maxBytes || time.GetElapsedTime(At(0).KeptAt, now) >= ttl))
            DropOldest();
    }

    private void DropOldest()
    {
        Bytes -= At(0).Cost;
        At(0) = default;
        _head = (_head + 1) % _ring.Length;
        Count--;
    }

    private void Grow()
    {
        var larger = new Entry[Math.Min(size, Math.Max(FirstCapacity, _ring.Length * 2))];
        for (var i = 0; i < Count; i++)
            larger[i] = At(i);
        _ring = larger;
        _head = 0;
    }

    private ref Entry At(int index)
    {
        index += _head;
        return ref _ring[index < _ring.Length ? index : index - _ring.Length];
    }

    // The cost is kept, too: what goes out of the ring has long left the processor's caches.
    private readonly record struct Entry(Publication Publication, long KeptAt, int Cost);
}
