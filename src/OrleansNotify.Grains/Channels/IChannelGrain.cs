using Orleans.Concurrency;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>
/// One channel: gives every publication its place, keeps history, and streams to the attached front-ends. Key: a channel name that passes
/// <see cref="ChannelName.TryCheck"/>. All methods interleave; one writer loop per activation owns the order.
/// </summary>
[GrainInterfaceType("notify.channel"), Alias("notify.IChannelGrain")]
public interface IChannelGrain : IGrainWithStringKey
{
    /// <summary>Publishes a batch, all items in the order given and with no other publication of this call's between two of them.</summary>
    /// <returns>For each item its position, or why it was refused. Never throws for a refusal.</returns>
    [Alias("Publish")]
    [return: Immutable]
    ValueTask<PublishResult[]> Publish([Immutable] PublicationDraft[] batch, CancellationToken cancellationToken = default);

    /// <summary>From now on every publication goes into the front-end's stream. Calling again renews; a lower number than seen is ignored and answered.</summary>
    [Alias("Attach")]
    ValueTask<AttachReply> Attach(Attachment attachment, CancellationToken cancellationToken = default);

    /// <summary>Ends the attachment that carries this number or a lower one; a higher one is left alone. An attach of this number that arrives later is ignored.</summary>
    [Alias("Detach")]
    ValueTask Detach(SiloAddress frontEnd, long number, CancellationToken cancellationToken = default);

    /// <summary>Reads history.</summary>
    [Alias("Read")]
    ValueTask<HistoryPage> Read(HistoryRequest request, CancellationToken cancellationToken = default);

    /// <summary>Where the channel stands.</summary>
    [Alias("GetPosition"), ReadOnly]
    ValueTask<ChannelPosition> GetPosition(CancellationToken cancellationToken = default);

    /// <summary>Erases the history kept so far; offsets go on. Returns the position at that moment.</summary>
    [Alias("Erase")]
    ValueTask<ChannelPosition> Erase(CancellationToken cancellationToken = default);

    /// <summary>Tells who of a front-end's connections has come and gone. Only an attached front-end can.</summary>
    [Alias("Announce")]
    ValueTask<PresenceReply> Announce(PresenceAnnouncement announcement, CancellationToken cancellationToken = default);

    /// <summary>Who is on the channel.</summary>
    /// <param name="withMembers">False: counts are enough.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    [Alias("GetPresence"), ReadOnly]
    ValueTask<PresenceState> GetPresence(bool withMembers, CancellationToken cancellationToken = default);
}

/// <summary>A front-end's interest in a channel.</summary>
/// <param name="FrontEnd">The silo whose stream is to get the publications.</param>
/// <param name="Number">Rises with each attach and detach of this front-end for this channel: calls between silos can overtake one another.</param>
/// <param name="SeenEpoch">The highest epoch this front-end has seen on the channel; a grain of a lower one refuses and ends.</param>
/// <param name="SeenOffset">The highest offset it has seen of that epoch. Only durable channels look at it: theirs can be lost by a store, in the same epoch.</param>
[GenerateSerializer, Immutable, Alias("notify.Attachment")]
public readonly record struct Attachment(
    [property: Id(0)] SiloAddress FrontEnd,
    [property: Id(1)] long Number,
    [property: Id(2)] ChannelEpoch SeenEpoch,
    [property: Id(3)] ulong SeenOffset = 0);

/// <summary>Answer to an attach.</summary>
/// <param name="Superseded">True: this activation is of a lower epoch than the caller has seen, or one too many for its silo now (<see cref="ActivationLimit"/>); it has ended itself, call again.</param>
/// <param name="Position">Everything behind it will come through the stream.</param>
/// <param name="Host">The silo the channel lives on, whose beats cover this attachment.</param>
/// <param name="Recoverable">Whether the channel keeps history.</param>
/// <param name="InvitedAt">Where the channel stood when it began to stream to the front-end by itself, for a pattern of the front-end's; null: it did not.</param>
[GenerateSerializer, Immutable, Alias("notify.AttachReply")]
public sealed record AttachReply(
    [property: Id(0)] bool Superseded,
    [property: Id(1)] ChannelPosition Position,
    [property: Id(2)] SiloAddress Host,
    [property: Id(3)] bool Recoverable,
    [property: Id(4)] ChannelPosition? InvitedAt = null);

/// <summary>Asks for publications with Since &lt; offset ≤ Until of the current epoch.</summary>
/// <param name="Since">Exclusive; 0 reads from the oldest kept.</param>
/// <param name="Until">Inclusive; <see cref="ulong.MaxValue"/> for the newest.</param>
/// <param name="Limit">At most this many, and never more than a page or a recovery may have (<see cref="ChannelLimitOptions"/>); 0 asks for the position alone.</param>
/// <param name="Reverse">Newest first: with a limit, the last ones.</param>
/// <param name="SeenEpoch">As in <see cref="Attachment"/>.</param>
[GenerateSerializer, Immutable, Alias("notify.HistoryRequest")]
public readonly record struct HistoryRequest(
    [property: Id(0)] ulong Since,
    [property: Id(1)] ulong Until,
    [property: Id(2)] int Limit,
    [property: Id(3)] bool Reverse,
    [property: Id(4)] ChannelEpoch SeenEpoch);

/// <summary>A part of a channel's history.</summary>
/// <param name="Superseded">As in <see cref="AttachReply"/>; nothing else is set then.</param>
/// <param name="Position">Where the channel stands.</param>
/// <param name="Publications">In the order asked for; ends early at the limit or at <see cref="ChannelLimitOptions.PageBytes"/>.</param>
/// <param name="Gapless">True when nothing in the range asked for is missing before or between the publications returned (history still reached Since).</param>
[GenerateSerializer, Immutable, Alias("notify.HistoryPage")]
public sealed record HistoryPage(
    [property: Id(0)] bool Superseded,
    [property: Id(1)] ChannelPosition Position,
    [property: Id(2)] Publication[] Publications,
    [property: Id(3)] bool Gapless);
