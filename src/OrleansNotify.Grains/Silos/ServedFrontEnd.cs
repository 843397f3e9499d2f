using System.Collections.Concurrent;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Grains.Silos;

/// <summary>
/// A front-end as a silo that hosts channels of its sees it. Lives until membership declares the front-end's silo dead, so that the sequence of
/// its beats never begins anew. All but <see cref="Changed"/> is used under the lock of <see cref="AttachmentTable"/>.
/// </summary>
internal sealed class ServedFrontEnd(SiloAddress address, long now)
{
    // An envelope of a beat stays below 64 KiB, as any other: names, and this much for a position and its framing.
    private const int BeatBytes = 60 << 10;
    private const int PositionBytes = 64;

    private readonly Dictionary<string, AttachedFrontEnd> _attached = new(StringComparer.Ordinal);
    private long _sequence;
    private long _answered;

    /// <summary>Its silo.</summary>
    public SiloAddress Address => address;

    /// <summary>Attachments whose channel has a new position. Written by any thread.</summary>
    public ConcurrentQueue<AttachedFrontEnd> Changed { get; } = new();

    /// <summary>Channels whose activation has ended here, to be told.</summary>
    public HashSet<string> Ended { get; } = new(StringComparer.Ordinal);

    /// <summary>When the lease was renewed, as a timestamp.</summary>
    public long RenewedAt { get; private set; } = now;

    /// <summary>Beats since then, refused ones included.</summary>
    public int BeatsUnanswered { get; private set; }

    /// <summary>How many channels are attached.</summary>
    public int Count => _attached.Count;

    /// <summary>Combined with <see cref="AttachmentHash"/> over them.</summary>
    public ulong Hash { get; private set; }

    /// <summary>Its attachments on this silo.</summary>
    public IReadOnlyDictionary<string, AttachedFrontEnd> Attached => _attached;

    /// <summary>A beat was answered; an answer that was overtaken by a later one counts for nothing.</summary>
    public void Answer(long beat, long timestamp)
    {
        if (beat < _answered)
            return;
        _answered = beat;
        Renew(timestamp);
    }

    /// <summary>A sign of life.</summary>
    public void Renew(long timestamp)
    {
        RenewedAt = timestamp;
        BeatsUnanswered = 0;
    }

    /// <summary>Adds an attachment; there is none for its channel.</summary>
    public void Add(AttachedFrontEnd attached)
    {
        _attached.Add(attached.Channel.Name, attached);
        Hash ^= AttachmentHash.Of(attached.Channel.Name, attached.Number);
        Ended.Remove(attached.Channel.Name);
    }

    /// <summary>Removes an attachment if it is still there.</summary>
    public void Remove(AttachedFrontEnd attached)
    {
        if (!Holds(attached))
            return;
        _attached.Remove(attached.Channel.Name);
        Hash ^= AttachmentHash.Of(attached.Channel.Name, attached.Number);
    }

    /// <summary>Whether this very attachment is there.</summary>
    public bool Holds(AttachedFrontEnd attached) => _attached.GetValueOrDefault(attached.Channel.Name) == attached;

    /// <summary>
    /// Tells the front-end what is new, in as many beats as it takes, at least one. What the stream does not take is told by the next beat, and
    /// its number is used again: a hole in the row means that a beat was lost on the way.
    /// </summary>
    /// <param name="from">This silo.</param>
    /// <param name="write">Writes into a stream: <see cref="IFrontEndStreams.TryWrite"/>.</param>
    /// <returns>False when something was not taken.</returns>
    public bool Beat(SiloAddress from, Func<SiloAddress, StreamEnvelope, bool> write)
    {
        BeatsUnanswered++;
        List<AttachedFrontEnd> told = [];
        List<ChangedChannel> changed = [];
        List<string> ended = [];
        var left = Changed.Count; // what changes from now on is for the next time
        do
        {
            told.Clear();
            changed.Clear();
            ended.Clear();
            var bytes = 0;
            for (; left > 0 && bytes < BeatBytes && Changed.TryDequeue(out var attached); left--)
            {
                attached.ClearChanged();
                if (!Holds(attached) && !attached.IsInvitation)
                    continue;
                told.Add(attached);
                changed.Add(new ChangedChannel(attached.Channel.Name, attached.Channel.Position, attached.Channel.PresenceVersion));
                bytes += attached.Channel.Name.Length + PositionBytes;
            }
            foreach (var channel in Ended)
            {
                if (bytes >= BeatBytes)
                    break;
                ended.Add(channel);
                bytes += channel.Length;
            }
            var beat = new Beat(from, _sequence + 1, [.. changed], [.. ended], Count, Hash);
            if (!write(Address, new StreamEnvelope(StreamEnvelope.CurrentVersion, null, beat)))
            {
                told.ForEach(attached => attached.MarkChanged());
                return false;
            }
            _sequence++;
            Ended.ExceptWith(ended);
        }
        while (left > 0 || Ended.Count > 0);
        return true;
    }
}
