using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Silos;

/// <summary>A channel's activation on this silo, as far as others than its grain need to see it: where it stands and who is attached.</summary>
/// <param name="name">The channel.</param>
/// <param name="owner">The grain's part.</param>
internal sealed class HostedChannel(string name, IHostedOwner owner)
{
    // Boxed, so that it is replaced as a whole; it changes only while the offset is 0.
    private object _epoch = ChannelEpoch.None;
    private ulong _offset;
    private int _history;
    private long _presenceVersion;
    private AttachedFrontEnd[] _invited = [];
    private Attachments<AttachedFrontEnd> _attachments;

    /// <summary>The channel.</summary>
    public string Name => name;

    /// <summary>Its front-ends; written under the lock of the table this is in.</summary>
    public ref Attachments<AttachedFrontEnd> Attachments => ref _attachments;

    /// <summary>Front-ends that want the channel by a pattern and have not attached: each publication goes to them, too, and makes them attach. Never changed, only replaced, under the lock of the table.</summary>
    public AttachedFrontEnd[] Invited
    {
        get => Volatile.Read(ref _invited);
        set => Volatile.Write(ref _invited, value);
    }

    /// <summary>Where the channel stands: all up to here has gone into the streams, or was refused by them.</summary>
    public ChannelPosition Position => new((ChannelEpoch)Volatile.Read(ref _epoch), Volatile.Read(ref _offset));

    /// <summary>How many publications it keeps.</summary>
    public int History => Volatile.Read(ref _history);

    /// <summary>The version of who is on it: 0 where nobody ever was.</summary>
    public long PresenceVersion
    {
        get => Volatile.Read(ref _presenceVersion);
        set => Interlocked.Exchange(ref _presenceVersion, value); // a full barrier, as in Came
    }

    /// <summary>Whether it has left this silo alive: then its front-ends need not be told that it ended.</summary>
    public bool HasMoved { get; set; }

    /// <summary>Sets where the channel begins.</summary>
    public void Begins(ChannelPosition position, int history)
    {
        Volatile.Write(ref _epoch, position.Epoch);
        Volatile.Write(ref _offset, position.Offset);
        Volatile.Write(ref _history, history);
    }

    /// <summary>Sets how far the channel has come and has the next beat tell it. Only the grain calls it, after streaming.</summary>
    public void Came(ulong offset, int history)
    {
        Volatile.Write(ref _history, history);
        Volatile.Write(ref _offset, offset);
        // A beat clears the mark, then reads the position; here it is the other way round. Without the barrier the mark could be read before the
        // position is seen by others, and the beat would tell the old one and nobody the new one.
        Interlocked.MemoryBarrier();
        foreach (var attached in Attachments.Current)
            attached.MarkChanged();
        foreach (var invited in Invited)
            invited.MarkChanged();
    }

    /// <summary>A front-end's attachment has ended.</summary>
    public void Detached(SiloAddress frontEnd) => owner.Detached(frontEnd);

    /// <summary>Publishes within this call, or not at all (<see cref="IHostedChannels.TryPublish"/>).</summary>
    public bool TryPublish(ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results, bool mayWait) => owner.TryPublish(batch, results, mayWait);
}

/// <summary>What others on its silo ask of a channel's grain. Called on any thread.</summary>
internal interface IHostedOwner
{
    /// <summary>A front-end's attachment has ended other than by the grain's own <c>Detach</c>.</summary>
    void Detached(SiloAddress frontEnd);

    /// <summary>Publishes within this call, or not at all (<see cref="IHostedChannels.TryPublish"/>).</summary>
    bool TryPublish(ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results, bool mayWait);
}

/// <summary>One attachment, or the invitation to one.</summary>
/// <param name="channel">The channel.</param>
/// <param name="frontEnd">The front-end.</param>
/// <param name="number">Of the attach; 0: invited.</param>
/// <param name="since">When, as a timestamp.</param>
/// <param name="invitedAt">Where the channel stood when the front-end was invited; null: it was not, or is attached for long.</param>
internal sealed class AttachedFrontEnd(HostedChannel channel, ServedFrontEnd frontEnd, long number, long since, ChannelPosition? invitedAt = null) : IAttachment
{
    private readonly object? _invitedAt = invitedAt; // boxed: nearly all have none
    private int _changed;

    /// <summary>The channel.</summary>
    public HostedChannel Channel => channel;

    /// <summary>The front-end.</summary>
    public ServedFrontEnd FrontEnd => frontEnd;

    SiloAddress IAttachment.FrontEnd => frontEnd.Address;

    /// <summary>Of the attach.</summary>
    public long Number => number;

    /// <summary>When, as a timestamp.</summary>
    public long Since => since;

    /// <summary>Where the channel stood when the front-end was invited: what came since is due to it.</summary>
    public ChannelPosition? InvitedAt => (ChannelPosition?)_invitedAt;

    /// <summary>Whether this is an invitation that still stands.</summary>
    public bool IsInvitation => number == 0 && Array.IndexOf(channel.Invited, this) >= 0;

    /// <summary>Has the next beat tell the channel's position.</summary>
    public void MarkChanged()
    {
        if (Volatile.Read(ref _changed) == 0 && Interlocked.Exchange(ref _changed, 1) == 0)
            frontEnd.Changed.Enqueue(this);
    }

    /// <summary>A beat is about to read the position.</summary>
    public void ClearChanged() => Interlocked.Exchange(ref _changed, 0);
}
