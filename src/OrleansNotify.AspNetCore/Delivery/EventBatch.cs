using System.Buffers;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>
/// Consecutive publications of one channel on their way to all local subscribers. Each is encoded once per format, however many connections
/// get it; together they are one frame per connection. Filled by one thread, then read by any.
/// </summary>
internal sealed class EventBatch(NotifyMetrics metrics)
{
    private readonly List<Publication> _publications = [];
    private readonly Lock _encoding = new();
    private readonly ArrayBufferWriter<byte> _scratch = new(4096);
    private Encoded[] _encoded = []; // never changed, only replaced, under the lock
    private string _channel = "";
    private ChannelEpoch _epoch;
    private bool _hasOrigins;

    /// <summary>What is to be delivered, by rising offset.</summary>
    public IReadOnlyList<Publication> Publications => _publications;

    /// <summary>Adds the next publication.</summary>
    public void Add(Publication publication)
    {
        _publications.Add(publication);
        _hasOrigins |= publication.Origin is not null;
    }

    /// <summary>Starts a new batch.</summary>
    public void Begin(string channel, ChannelEpoch epoch)
    {
        _publications.Clear();
        _encoded = [];
        _channel = channel;
        _epoch = epoch;
        _hasOrigins = false;
    }

    /// <summary>The frame for a connection.</summary>
    /// <param name="format">The connection's.</param>
    /// <param name="withEpoch">Whether the first event names the epoch.</param>
    /// <param name="after">Only offsets above.</param>
    /// <param name="exceptOrigin">Publications of this origin are left out.</param>
    /// <returns>Null when nothing is left for this connection.</returns>
    public Frame? FrameFor(IFrameFormat format, bool withEpoch, ulong after, string exceptOrigin)
    {
        var first = 0;
        while (first < _publications.Count && _publications[first].Offset <= after)
            first++;
        if (first == _publications.Count)
            return null;
        var except = _hasOrigins && HasOrigin(exceptOrigin) ? exceptOrigin : null;
        if (TryFind(format, withEpoch, first, except, out var frame))
            return frame;
        lock (_encoding)
        {
            if (TryFind(format, withEpoch, first, except, out frame))
                return frame;
            frame = Encode(format, withEpoch, first, except);
            Volatile.Write(ref _encoded, [.. _encoded, new Encoded(format, withEpoch, first, except, frame)]);
            return frame;
        }
    }

    private bool TryFind(IFrameFormat format, bool withEpoch, int first, string? except, out Frame? frame)
    {
        foreach (var known in Volatile.Read(ref _encoded))
        {
            if (ReferenceEquals(known.Format, format) && known.WithEpoch == withEpoch && known.First == first && known.Except == except)
            {
                frame = known.Frame;
                return true;
            }
        }
        frame = null;
        return false;
    }

    private bool HasOrigin(string origin)
    {
        foreach (var publication in _publications)
        {
            if (publication.Origin is not null && publication.Origin == origin)
                return true;
        }
        return false;
    }

    private Frame? Encode(IFrameFormat format, bool withEpoch, int first, string? except)
    {
        _scratch.ResetWrittenCount();
        var events = 0;
        for (var i = first; i < _publications.Count; i++)
        {
            var publication = _publications[i];
            if (except is not null && publication.Origin == except)
                continue;
            format.WriteEvent(_scratch, _channel, withEpoch && events == 0 ? _epoch : null, publication);
            events++;
        }
        if (events == 0)
            return null;
        metrics.Encoded(events);
        return new Frame(_scratch.WrittenSpan.ToArray(), events);
    }

    private readonly record struct Encoded(IFrameFormat Format, bool WithEpoch, int First, string? Except, Frame? Frame);
}
