using System.Runtime.InteropServices;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>Events that were posted together, by channel: those of one keep their order.</summary>
/// <param name="capacity">About how many.</param>
internal sealed class PostedBatch(int capacity)
{
    private readonly List<PostedEvent> _events = new(capacity);
    private readonly List<int> _next = new(capacity); // behind each event, of its channel; in no use behind the last
    private readonly Dictionary<string, (int First, int Last, int Count)> _channels = new(capacity, StringComparer.Ordinal);

    /// <summary>How many events.</summary>
    public int Count => _events.Count;

    /// <summary>How many channels they go to.</summary>
    public int Channels => _channels.Count;

    /// <summary>Adds the next event.</summary>
    public void Add(PostedEvent posted)
    {
        var index = _events.Count;
        _events.Add(posted);
        _next.Add(0);
        ref var channel = ref CollectionsMarshal.GetValueRefOrAddDefault(_channels, posted.Channel, out var exists);
        if (exists)
            _next[channel.Last] = index;
        else
            channel.First = index;
        (channel.Last, channel.Count) = (index, channel.Count + 1);
    }

    /// <summary>Gives out the events of each channel, by the order of the first ones: their places in the batch, and what to publish.</summary>
    public IEnumerable<(string Channel, ArraySegment<int> Places, ArraySegment<PublicationDraft> Drafts)> ByChannel()
    {
        var places = new int[Count];
        var drafts = new PublicationDraft[Count];
        var from = 0;
        foreach (var (name, (first, _, count)) in _channels)
        {
            for (var (i, place) = (from, first); i < from + count; (i, place) = (i + 1, _next[place]))
                (places[i], drafts[i]) = (place, _events[place].Draft);
            yield return (name, new(places, from, count), new(drafts, from, count));
            from += count;
        }
    }
}
