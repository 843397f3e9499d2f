using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels.Presence;

/// <summary>What a front-end tells a channel about its own connections: who of them has come and gone since it last told.</summary>
/// <param name="FrontEnd">Whose connections.</param>
/// <param name="Number">Rises with each announcement of this front-end: calls between silos can overtake one another.</param>
/// <param name="Base">The announcement this one goes on from; 0: it begins anew, and who is not named by the time one comes without <paramref name="More"/> is not there.</param>
/// <param name="Joined">Who is there. Naming somebody again changes nothing.</param>
/// <param name="Left">Ids of connections that are not.</param>
/// <param name="More">Whether the list that was begun anew goes on in the next announcement.</param>
/// <param name="Watches">Whether the front-end wants to be told of changes, through its stream.</param>
/// <param name="Asks">Whether it wants to know all that is so now.</param>
/// <param name="Limit">Who would be one more than so many is refused; 0: nobody is.</param>
[GenerateSerializer, Immutable, Alias("notify.PresenceAnnouncement")]
public sealed record PresenceAnnouncement(
    [property: Id(0)] SiloAddress FrontEnd,
    [property: Id(1)] long Number,
    [property: Id(2)] long Base,
    [property: Id(3)] PresenceMember[] Joined,
    [property: Id(4)] string[] Left,
    [property: Id(5)] bool More,
    [property: Id(6)] bool Watches,
    [property: Id(7)] bool Asks,
    [property: Id(8)] int Limit = 0);

/// <summary>Answer to an announcement.</summary>
/// <param name="Verdict">What became of it.</param>
/// <param name="State">What was asked for; null when nothing was, or the announcement was not taken.</param>
/// <param name="Refused">Ids of connections that were one too many; null: none.</param>
[GenerateSerializer, Immutable, Alias("notify.PresenceReply")]
public sealed record PresenceReply([property: Id(0)] PresenceVerdict Verdict, [property: Id(1)] PresenceState? State = null, [property: Id(2)] string[]? Refused = null);

/// <summary>What becomes of an announcement.</summary>
public enum PresenceVerdict
{
    /// <summary>It counts.</summary>
    Taken = 0,

    /// <summary>The front-end is not attached: attach, then announce all.</summary>
    NotAttached = 1,

    /// <summary>What it goes on from is not known here: announce all.</summary>
    BaseUnknown = 2,
}

/// <summary>Who is on a channel.</summary>
/// <param name="Run">Names one unbroken run of versions.</param>
/// <param name="Version">Rises by 1 with each change.</param>
/// <param name="SettlesIn">Until then members may be missing: the activation is new, and front-ends that were attached to the one before are still to announce theirs. Zero: it has settled.</param>
/// <param name="Total">How many.</param>
/// <param name="Users">How many different users.</param>
/// <param name="Members">Null when they are more than <see cref="NamespaceOptions.PresenceList"/>, or were not asked for.</param>
[GenerateSerializer, Immutable, Alias("notify.PresenceState")]
public sealed record PresenceState(
    [property: Id(0)] long Run,
    [property: Id(1)] long Version,
    [property: Id(2)] TimeSpan SettlesIn,
    [property: Id(3)] int Total,
    [property: Id(4)] int Users,
    [property: Id(5)] PresenceMember[]? Members);

/// <summary>A change of who is on a channel, on its way to a front-end that watches.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Run">As in <see cref="PresenceState"/>.</param>
/// <param name="Version">As it is after the change.</param>
/// <param name="Joined">Who has come.</param>
/// <param name="Left">Who has gone.</param>
[GenerateSerializer, Immutable, Alias("notify.PresenceChange")]
public sealed record PresenceChange(
    [property: Id(0)] string Channel,
    [property: Id(1)] long Run,
    [property: Id(2)] long Version,
    [property: Id(3)] PresenceMember[] Joined,
    [property: Id(4)] PresenceMember[] Left);

/// <summary>A channel's presence on its way between silos.</summary>
/// <param name="Run">As in <see cref="PresenceState"/>.</param>
/// <param name="Version">As in <see cref="PresenceState"/>.</param>
/// <param name="Age">How long the channel has been collecting members.</param>
/// <param name="FrontEnds">By front-end.</param>
[GenerateSerializer, Immutable, Alias("notify.MovedPresence")]
internal sealed record MovedPresence([property: Id(0)] long Run, [property: Id(1)] long Version, [property: Id(2)] TimeSpan Age, [property: Id(3)] MovedMembers[] FrontEnds);

/// <summary>The members of one front-end.</summary>
/// <param name="FrontEnd">Its silo.</param>
/// <param name="Number">Of its last announcement.</param>
/// <param name="Watches">Whether it watches.</param>
/// <param name="Members">Who.</param>
[GenerateSerializer, Immutable, Alias("notify.MovedMembers")]
internal readonly record struct MovedMembers(
    [property: Id(0)] SiloAddress FrontEnd, [property: Id(1)] long Number, [property: Id(2)] bool Watches, [property: Id(3)] PresenceMember[] Members);
