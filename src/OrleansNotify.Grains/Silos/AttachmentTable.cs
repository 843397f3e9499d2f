using System.Collections.Concurrent;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Patterns;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Silos;

/// <summary>
/// Which channels live on this silo and which front-ends are attached to them. Channel grains write it in their turns; beats, leases and what
/// other silos ask come in on other threads. One per silo; thread-safe.
/// </summary>
/// <param name="time">Ages are measured on its monotonic clock.</param>
/// <param name="patterns">Which front-ends want what by pattern.</param>
/// <param name="watch">Is told of channels that begin and cease to have attachments; null: nobody is.</param>
internal sealed class AttachmentTable(TimeProvider time, PatternTable patterns, IChannelWatch? watch = null) : IHostedChannels
{
    /// <summary>
    /// How long an attachment is safe from <see cref="Reconcile"/>: the answer to its attach may still be under way to the front-end, which names it
    /// only then. A front-end gives a call 3 s and its stream up after 6 s.
    /// </summary>
    public static readonly TimeSpan Settling = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<SiloAddress, ServedFrontEnd> _frontEnds = [];
    private readonly ConcurrentDictionary<string, HostedChannel> _channels = new(StringComparer.Ordinal);

    /// <summary>A channel has come to life here.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="frontEnds">The front-ends it brought along from another silo: the next beat tells them its position, and so where it is now.</param>
    public void Add(HostedChannel channel, IReadOnlyList<MovedFrontEnd> frontEnds)
    {
        _channels[channel.Name] = channel;
        lock (_lock)
        {
            foreach (var moved in frontEnds)
            {
                if (moved.IsAttached)
                    Put(channel, moved.FrontEnd, moved.Number).MarkChanged();
                else
                    channel.Attachments.Detach(moved.FrontEnd, moved.Number);
            }
            // It is in the table by now: whoever changes the patterns finds it there, or it finds the change here.
            foreach (var frontEnd in patterns.Wanting(channel.Name))
                Invite(channel, frontEnd);
        }
    }

    /// <summary>The patterns of a front-end have changed.</summary>
    /// <param name="frontEnd">Whose.</param>
    /// <param name="added">Channels that match these invite it.</param>
    /// <param name="hasLess">Whether others are gone: invitations that no pattern is behind any more end.</param>
    public void Invite(SiloAddress frontEnd, IEnumerable<string> added, bool hasLess)
    {
        var news = new PatternIndex<bool>();
        foreach (var text in added)
        {
            if (ChannelPattern.TryParse(text, out var pattern))
                news.Add(pattern, true);
        }
        if (news.IsEmpty && !hasLess)
            return;
        List<bool> found = [];
        foreach (var channel in _channels.Values)
        {
            found.Clear();
            news.Find(channel.Name, found);
            if (found.Count == 0 && !(hasLess && Array.Exists(channel.Invited, invited => invited.FrontEnd.Address.Equals(frontEnd))))
                continue;
            lock (_lock)
            {
                if (!InviteIfWanted(channel, frontEnd))
                    Uninvite(channel, frontEnd);
            }
        }
    }

    /// <inheritdoc />
    public bool TryPublish(string channel, ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results, bool mayWait) =>
        _channels.TryGetValue(channel, out var hosted) && hosted.TryPublish(batch, results, mayWait);

    /// <summary>A channel's activation has ended here. Unless it has moved, its front-ends are told with the next beat.</summary>
    public void Remove(HostedChannel channel)
    {
        _channels.TryRemove(KeyValuePair.Create(channel.Name, channel));
        lock (_lock)
        {
            foreach (var attached in channel.Attachments.Current)
            {
                // Not when a new activation of the channel has already been attached to here.
                var isCurrent = attached.FrontEnd.Holds(attached);
                attached.FrontEnd.Remove(attached);
                if (isCurrent && !channel.HasMoved)
                    attached.FrontEnd.Ended.Add(channel.Name);
            }
        }
    }

    /// <summary>Attaches a front-end, by the rule of numbers; also a sign of life of the front-end.</summary>
    /// <returns>Where the channel stood when the front-end was invited, if that is what it answers; else null.</returns>
    public ChannelPosition? Attach(HostedChannel channel, SiloAddress frontEnd, long number)
    {
        lock (_lock)
        {
            if (channel.Attachments.IsNews(frontEnd, number))
            {
                if (channel.Attachments.Current.Length == 0)
                    watch?.Occupied(channel.Name);
                return Put(channel, frontEnd, number).InvitedAt;
            }
            if (_frontEnds.TryGetValue(frontEnd, out var served))
                served.Renew(time.GetTimestamp());
            return null;
        }
    }

    /// <summary>Ends an attachment, by the rule of numbers.</summary>
    public void Detach(HostedChannel channel, SiloAddress frontEnd, long number)
    {
        lock (_lock)
        {
            if (channel.Attachments.Detach(frontEnd, number) is { } attached)
            {
                attached.FrontEnd.Remove(attached);
                InviteIfWanted(channel, frontEnd);
                if (channel.Attachments.Current.Length == 0)
                    watch?.Vacated(channel.Name);
            }
        }
    }

    /// <summary>The front-ends a channel knows, to take along.</summary>
    public MovedFrontEnd[] Save(HostedChannel channel)
    {
        lock (_lock)
            return [.. channel.Attachments.Known.Select(f => new MovedFrontEnd(f.FrontEnd, f.Number, f.IsAttached))];
    }

    /// <summary>A front-end has answered a beat: its lease is renewed.</summary>
    public void Renew(SiloAddress frontEnd, long beat)
    {
        lock (_lock)
        {
            if (_frontEnds.TryGetValue(frontEnd, out var served))
                served.Answer(beat, time.GetTimestamp());
        }
    }

    /// <summary>
    /// Compares lists. What the front-end does not name is dropped, what differs is returned; but an attachment younger than <see cref="Settling"/>
    /// that the front-end does not know yet (not named, or named with a lower number) is left alone.
    /// </summary>
    /// <returns>Channels the front-end must attach again.</returns>
    public string[] Reconcile(SiloAddress frontEnd, AttachedChannel[] named)
    {
        List<AttachedFrontEnd> detached = [];
        List<string> again = [];
        lock (_lock)
        {
            var served = Serve(frontEnd);
            served.Renew(time.GetTimestamp());
            var unnamed = new Dictionary<string, AttachedFrontEnd>(served.Attached, StringComparer.Ordinal);
            foreach (var (channel, number) in named)
            {
                if (!unnamed.Remove(channel, out var attached) || attached.Number < number || (attached.Number > number && IsSettled(attached)))
                    again.Add(channel);
            }
            foreach (var attached in unnamed.Values.Where(IsSettled))
                Drop(attached, detached);
        }
        Tell(detached);
        return [.. again];
    }

    /// <summary>Tells every front-end that has an attachment here, or had one that ended.</summary>
    /// <param name="from">This silo.</param>
    /// <param name="write">Writes into a stream: <see cref="IFrontEndStreams.TryWrite"/>. Called under the lock; it never waits.</param>
    /// <returns>The front-ends whose stream did not take all of it.</returns>
    public SiloAddress[] Beat(SiloAddress from, Func<SiloAddress, StreamEnvelope, bool> write)
    {
        ServedFrontEnd[] toTell;
        lock (_lock)
            toTell = [.. _frontEnds.Values.Where(f => f.Count > 0 || f.Ended.Count > 0 || !f.Changed.IsEmpty)];
        List<SiloAddress> refused = [];
        foreach (var frontEnd in toTell)
        {
            // One at a time: channels of others are not held up.
            lock (_lock)
            {
                if (!frontEnd.Beat(from, write))
                    refused.Add(frontEnd.Address);
            }
        }
        return [.. refused];
    }

    /// <summary>Drops the attachments of front-ends that have answered none of at least <paramref name="beats"/> beats for <paramref name="lease"/>.</summary>
    /// <remarks>Beats count as well as time: after a pause of this silo every lease would have run out, with nobody having been asked.</remarks>
    public SiloAddress[] DropExpired(TimeSpan lease, int beats)
    {
        List<AttachedFrontEnd> detached = [];
        List<SiloAddress> expired = [];
        lock (_lock)
        {
            foreach (var served in _frontEnds.Values)
            {
                if (served.Count == 0 || served.BeatsUnanswered < beats || time.GetElapsedTime(served.RenewedAt) < lease)
                    continue;
                expired.Add(served.Address);
                foreach (var attached in served.Attached.Values.ToArray())
                    Drop(attached, detached);
            }
        }
        Tell(detached);
        return [.. expired];
    }

    /// <summary>Forgets a front-end whose silo is dead.</summary>
    public void Forget(SiloAddress frontEnd)
    {
        List<AttachedFrontEnd> detached = [];
        patterns.Forget(frontEnd);
        lock (_lock)
        {
            if (_frontEnds.Remove(frontEnd, out var served))
            {
                foreach (var attached in served.Attached.Values.ToArray())
                    Drop(attached, detached);
            }
            foreach (var channel in _channels.Values)
            {
                channel.Attachments.Forget(frontEnd);
                Uninvite(channel, frontEnd);
            }
        }
        Tell(detached);
    }

    /// <summary>Listed channels that live here, by ordinal order of name.</summary>
    /// <param name="after">Only names behind this one; null: all.</param>
    /// <param name="limit">At most this many.</param>
    public ChannelInfo[] List(string? after, int limit)
    {
        // Keeps the smallest names only: a page of a silo with 100,000 channels sorts no 100,000 names.
        var smallest = new PriorityQueue<HostedChannel, string>(Comparer<string>.Create((a, b) => string.CompareOrdinal(b, a)));
        foreach (var (name, channel) in _channels)
        {
            if (ChannelName.IsUnlisted(name) || (after is not null && string.CompareOrdinal(name, after) <= 0))
                continue;
            if (smallest.Count < limit)
                smallest.Enqueue(channel, name);
            else if (limit > 0)
                smallest.EnqueueDequeue(channel, name);
        }
        var page = new ChannelInfo[smallest.Count];
        for (var i = page.Length - 1; i >= 0; i--)
        {
            var channel = smallest.Dequeue();
            page[i] = new ChannelInfo(channel.Name, channel.Position, channel.Attachments.Current.Length, channel.History);
        }
        return page;
    }

    private AttachedFrontEnd Put(HostedChannel channel, SiloAddress frontEnd, long number)
    {
        var served = Serve(frontEnd);
        served.Renew(time.GetTimestamp());
        // The answer may be lost on the way: for a while the next attach gets the same one.
        var invitedAt = Array.Find(channel.Invited, invited => invited.FrontEnd == served)?.InvitedAt
            ?? (channel.Attachments.Find(frontEnd) is { } repeated && !IsSettled(repeated) ? repeated.InvitedAt : null);
        Uninvite(channel, frontEnd);
        var attached = new AttachedFrontEnd(channel, served, number, time.GetTimestamp(), invitedAt);
        channel.Attachments.Attach(attached);
        // The one before, of this activation or of one that is just ending.
        if (served.Attached.GetValueOrDefault(channel.Name) is { } former)
            served.Remove(former);
        served.Add(attached);
        return attached;
    }

    private ServedFrontEnd Serve(SiloAddress frontEnd)
    {
        if (!_frontEnds.TryGetValue(frontEnd, out var served))
            _frontEnds[frontEnd] = served = new ServedFrontEnd(frontEnd, time.GetTimestamp());
        return served;
    }

    private bool InviteIfWanted(HostedChannel channel, SiloAddress frontEnd)
    {
        if (!patterns.Wanting(channel.Name).Contains(frontEnd))
            return false;
        Invite(channel, frontEnd);
        return true;
    }

    private void Invite(HostedChannel channel, SiloAddress frontEnd)
    {
        if (channel.Attachments.Find(frontEnd) is null && !Array.Exists(channel.Invited, invited => invited.FrontEnd.Address.Equals(frontEnd)))
            channel.Invited = [.. channel.Invited, new AttachedFrontEnd(channel, Serve(frontEnd), 0, time.GetTimestamp(), channel.Position)];
    }

    private static void Uninvite(HostedChannel channel, SiloAddress frontEnd)
    {
        if (channel.Invited.Length > 0)
            channel.Invited = [.. channel.Invited.Where(invited => !invited.FrontEnd.Address.Equals(frontEnd))];
    }

    private void Drop(AttachedFrontEnd attached, List<AttachedFrontEnd> detached)
    {
        attached.FrontEnd.Remove(attached);
        attached.Channel.Attachments.Detach(attached.FrontEnd.Address, attached.Number);
        InviteIfWanted(attached.Channel, attached.FrontEnd.Address);
        if (attached.Channel.Attachments.Current.Length == 0)
            watch?.Vacated(attached.Channel.Name);
        detached.Add(attached);
    }

    private static void Tell(List<AttachedFrontEnd> detached)
    {
        foreach (var attached in detached)
            attached.Channel.Detached(attached.FrontEnd.Address);
    }

    private bool IsSettled(AttachedFrontEnd attached) => time.GetElapsedTime(attached.Since) >= Settling;
}
