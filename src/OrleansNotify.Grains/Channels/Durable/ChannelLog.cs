using System.Globalization;
using Orleans.Storage;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels.Durable;

/// <summary>
/// The log of one durable channel in grain storage (PROMISES P5–P7). A commit is one compare-and-swap write of the tail, of bounded size. Opening the
/// log raises the tail's generation by the same compare-and-swap, and a full tail is sealed before the next segment is inserted: an activation that
/// holds the log from before can neither append nor go on behind it. After a failed call nothing is known: go on with a log newly opened.
/// Not thread-safe; one call at a time.
/// </summary>
/// <param name="storage">Where records are.</param>
/// <param name="channel">The channel's grain; its records are the states <c>log</c> (the head) and <c>log-{number}</c>.</param>
/// <param name="codec">For entries.</param>
internal sealed class ChannelLog(IGrainStorage storage, GrainId channel, LogEntryCodec codec)
{
    /// <summary>
    /// Entries of a segment end here, unless its only commit is one larger publication. With what else is in the record it fits one property of an
    /// Azure table's row (64 KiB), even from a store that keeps bytes as base64.
    /// </summary>
    public const int SegmentBytes = 48 << 10;

    // Segments read at once while opening.
    private const int Readers = 8;

    // The head is written, and what nobody needs dropped, after so many segments: at full load each is a few commits long, and the store has better to do.
    private const int TidyEvery = 4;

    private const string HeadState = "log";

    // Sealed segments that are still there, oldest first.
    private readonly Queue<SealedSegment> _sealed = new();

    private Stored<LogHead> _head = new(new LogHead(), null, false);
    private Stored<LogSegment> _tail = new(new LogSegment(), null, false);
    private long _first; // everything before has been dropped
    private Task _tidying = Task.CompletedTask;

    /// <summary>Bytes that still fit into the tail.</summary>
    public int Room => _tail.Value.IsSealed ? SegmentBytes : Math.Max(0, SegmentBytes - _tail.Value.Entries.Length);

    /// <summary>Reads the log, or begins it, and takes it from every earlier holder.</summary>
    /// <param name="newEpoch">Gives the epoch of a log that begins.</param>
    /// <exception cref="InconsistentStateException">Another activation opened it at the same time.</exception>
    /// <exception cref="InvalidDataException">The records are damaged.</exception>
    public async Task<OpenedLog> Open(Func<ChannelEpoch> newEpoch)
    {
        _head = await Read<LogHead>(HeadState);
        _first = _head.Value.First;
        var tail = await Read<LogSegment>(StateOf(_head.Value.Last));
        if (!tail.Exists)
        {
            // A log that begins, or one whose tail the store has lost.
            _tail = await Write(new LogSegment { Number = _head.Value.Last, Generation = 1, Epoch = newEpoch().ToString() }, null);
            return await ReadAll();
        }
        while (tail.Value.IsSealed)
        {
            var next = await Read<LogSegment>(StateOf(tail.Value.Number + 1));
            if (!next.Exists)
                break;
            tail = next;
        }
        var (taken, etag) = Appendable(tail);
        taken.Generation++;
        _tail = await Write(taken, etag);
        return await ReadAll();
    }

    /// <summary>Begins a new epoch, at offset 0: the store has lost what was committed.</summary>
    public async Task BeginEpoch(ChannelEpoch epoch)
    {
        await Seal();
        var first = Next(_tail.Value);
        first.Epoch = epoch.ToString();
        (first.Before, first.Last, first.Erased) = (0, 0, 0);
        await Append(first, null);
    }

    /// <summary>Commits.</summary>
    /// <param name="entries">Consecutive, behind all that was committed before.</param>
    /// <param name="isLast">Whether more is waiting that will not fit: the tail is sealed by the same write.</param>
    public async Task Commit(LogEntry[] entries, bool isLast)
    {
        var chunk = codec.Encode(entries);
        if (_tail.Value.Entries.Length > 0 && chunk.Length > Room)
            await Seal();
        var (segment, etag) = Appendable(_tail);
        segment.Entries = [.. segment.Entries, .. chunk];
        segment.Last += (ulong)entries.Length;
        // The next commit is likely as large: one that had to be split would be two writes.
        segment.IsSealed = isLast || segment.Entries.Length + chunk.Length > SegmentBytes;
        await Append(segment, etag);
    }

    /// <summary>Commits that history is erased up to the newest offset.</summary>
    public Task Erase()
    {
        var (segment, etag) = Appendable(_tail);
        segment.Erased = segment.Last;
        return Append(segment, etag);
    }

    /// <summary>Drops segments nobody needs, in the background; a failure leaves them to the next time.</summary>
    /// <param name="oldest">The oldest offset that history or keys still need.</param>
    public void Tidy(ulong oldest)
    {
        if (!_tidying.IsCompleted || _tail.Value.Number - _head.Value.Last < TidyEvery)
            return;
        Dictionary<long, string?> unneeded = [];
        while (_sealed.TryPeek(out var segment) && segment.Last < oldest)
            unneeded.Add(segment.Number, _sealed.Dequeue().ETag);
        _tidying = Tidy(unneeded, _tail.Value.Number);
    }

    private async Task Tidy(Dictionary<long, string?> unneeded, long last)
    {
        var needed = unneeded.Count == 0 ? _first : unneeded.Keys.Max() + 1;
        try
        {
            // The head first: a log whose last named segment is gone counts as lost. It names what is left by the round before: what nobody names would stay for ever.
            _head = await Write(HeadState, new LogHead { First = _first, Last = last }, _head.ETag);
            for (; _first < needed; _first++)
            {
                // Not known: of an epoch given up, or left over.
                var dropped = unneeded.TryGetValue(_first, out var etag) ? new Stored<LogSegment>(new LogSegment(), etag, true) : await Read<LogSegment>(StateOf(_first));
                if (dropped.Exists)
                    await storage.ClearStateAsync(StateOf(_first), channel, dropped.ToState());
            }
        }
        catch (Exception)
        {
            // The store is away, or the log has another holder: the next commit finds out. What is left over is dropped by whoever tidies next.
        }
    }

    private async Task<OpenedLog> ReadAll()
    {
        var tail = _tail.Value;
        List<LogEntry> entries = [];
        for (var from = _head.Value.First; from < tail.Number; from += Readers)
        {
            var numbers = Enumerable.Range(0, (int)Math.Min(Readers, tail.Number - from)).Select(i => from + i);
            foreach (var segment in await Task.WhenAll(numbers.Select(n => Read<LogSegment>(StateOf(n)))))
                Add(segment);
        }
        Add(_tail);
        return ChannelEpoch.TryParse(tail.Epoch, out var epoch)
            ? new OpenedLog(new ChannelPosition(epoch, tail.Last), tail.Erased, entries)
            : throw new InvalidDataException("The tail of a channel's log names no epoch.");

        // Only the unbroken run that ends at the tail counts: what lies before a lost segment, or in an epoch given up, is history no more.
        void Add(Stored<LogSegment> stored)
        {
            var segment = stored.Value;
            if (segment.Epoch != tail.Epoch || (entries.Count > 0 && entries[^1].Publication.Offset != segment.Before))
                entries.Clear();
            if (segment.Epoch != tail.Epoch)
                return;
            entries.AddRange(codec.Decode(segment.Entries));
            if (segment.Number < tail.Number)
                _sealed.Enqueue(new SealedSegment(segment.Number, segment.Last, stored.ETag));
        }
    }

    private async Task Seal()
    {
        if (_tail.Value.IsSealed)
            return;
        var (segment, etag) = Appendable(_tail);
        segment.IsSealed = true;
        await Append(segment, etag);
    }

    private async Task Append(LogSegment segment, string? etag)
    {
        var before = _tail;
        _tail = await Write(segment, etag);
        if (segment.Number != before.Value.Number)
            _sealed.Enqueue(new SealedSegment(before.Value.Number, before.Value.Last, before.ETag));
    }

    // The tail's next version, or the first one of the segment behind it. A copy: the tail is what has been stored.
    private static (LogSegment Segment, string? ETag) Appendable(Stored<LogSegment> tail) =>
        tail.Value.IsSealed ? (Next(tail.Value), null) : (tail.Value.Copy(), tail.ETag);

    private static LogSegment Next(LogSegment segment) => new()
    {
        Number = segment.Number + 1,
        Generation = segment.Generation,
        Epoch = segment.Epoch,
        Before = segment.Last,
        Last = segment.Last,
        Erased = segment.Erased,
    };

    private async Task<Stored<T>> Read<T>(string name)
        where T : class, new()
    {
        var state = new GrainState<T>(new T());
        await storage.ReadStateAsync(name, channel, state);
        return new Stored<T>(state.State ?? new T(), state.ETag, state.RecordExists);
    }

    private Task<Stored<LogSegment>> Write(LogSegment segment, string? etag) => Write(StateOf(segment.Number), segment, etag);

    private async Task<Stored<T>> Write<T>(string name, T value, string? etag)
        where T : class
    {
        var state = new Stored<T>(value, etag, etag is not null).ToState();
        await storage.WriteStateAsync(name, channel, state);
        return new Stored<T>(value, state.ETag, true);
    }

    private static string StateOf(long number) => string.Create(CultureInfo.InvariantCulture, $"log-{number}");

    private readonly record struct SealedSegment(long Number, ulong Last, string? ETag);

    // A record as the store has it.
    private sealed record Stored<T>(T Value, string? ETag, bool Exists)
    {
        public GrainState<T> ToState() => new(Value, ETag!) { RecordExists = Exists };
    }
}

/// <summary>What <see cref="ChannelLog.Open"/> found.</summary>
/// <param name="Position">Of the newest publication.</param>
/// <param name="Erased">History up to this offset has been erased.</param>
/// <param name="Entries">The newest run of consecutive publications, oldest first.</param>
internal sealed record OpenedLog(ChannelPosition Position, ulong Erased, IReadOnlyList<LogEntry> Entries);
