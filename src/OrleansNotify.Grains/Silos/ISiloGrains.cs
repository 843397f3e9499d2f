using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Silos;

/// <summary>
/// What other silos ask of a front-end: pinned to the silo named in its key (<see cref="SiloAddress.ToParsableString"/>). Its implementation is
/// also the one implicit subscriber of the front-end's stream, and does nothing with an event but hand it to <see cref="Streaming.IFrontEnd"/>.
/// </summary>
[GrainInterfaceType("notify.front-end"), Alias("notify.IFrontEndGrain")]
public interface IFrontEndGrain : IGrainWithStringKey
{
    /// <summary>Connections of this silo, by rising number.</summary>
    [Alias("List")]
    ValueTask<ConnectionInfo[]> List(ConnectionQuery query, CancellationToken cancellationToken = default);

    /// <summary>Closes a connection with 3503.</summary>
    /// <returns>False when there is none of that number.</returns>
    [Alias("Disconnect")]
    ValueTask<bool> Disconnect(long number, CancellationToken cancellationToken = default);

    /// <summary>Puts all connections of a user on a channel, unasked.</summary>
    /// <returns>How many it was news to.</returns>
    [Alias("SubscribeUser")]
    ValueTask<int> SubscribeUser(string user, string channel, CancellationToken cancellationToken = default);

    /// <summary>Takes all connections of a user from a channel, whoever put them there.</summary>
    /// <returns>How many were on it.</returns>
    [Alias("UnsubscribeUser")]
    ValueTask<int> UnsubscribeUser(string user, string channel, CancellationToken cancellationToken = default);
}

/// <summary>
/// What front-ends ask of a silo that hosts channels attached for them: pinned to the silo named in its key. Renewing is the answer to a beat.
/// </summary>
[GrainInterfaceType("notify.attachments"), Alias("notify.IAttachmentsGrain")]
public interface IAttachmentsGrain : IGrainWithStringKey
{
    /// <summary>Renews the lease (15 s) of all attachments of a front-end on this silo.</summary>
    [Alias("Renew")]
    ValueTask Renew(SiloAddress frontEnd, long beat, CancellationToken cancellationToken = default);

    /// <summary>Exchanges lists: attachments the front-end does not name are dropped here; those it names and this silo lacks are returned.</summary>
    /// <returns>Channels the front-end must attach again.</returns>
    [Alias("Reconcile")]
    ValueTask<string[]> Reconcile(SiloAddress frontEnd, AttachedChannel[] attached, CancellationToken cancellationToken = default);

    /// <summary>Channels that live on this silo, listed ones only, by ordinal order of name.</summary>
    [Alias("ListChannels")]
    ValueTask<ChannelInfo[]> ListChannels(string? after, int limit, CancellationToken cancellationToken = default);
}

/// <summary>An attachment as the front-end knows it.</summary>
/// <param name="Channel">The channel.</param>
/// <param name="Number">Of its last attach.</param>
[GenerateSerializer, Immutable, Alias("notify.AttachedChannel")]
public readonly record struct AttachedChannel([property: Id(0)] string Channel, [property: Id(1)] long Number);

/// <summary>A live channel.</summary>
/// <param name="Name">The channel.</param>
/// <param name="Position">Where it stands.</param>
/// <param name="FrontEnds">How many front-ends are attached.</param>
/// <param name="History">How many publications it keeps.</param>
[GenerateSerializer, Immutable, Alias("notify.ChannelInfo")]
public sealed record ChannelInfo(
    [property: Id(0)] string Name,
    [property: Id(1)] ChannelPosition Position,
    [property: Id(2)] int FrontEnds,
    [property: Id(3)] int History);

/// <summary>Which connections to list.</summary>
/// <param name="Channel">Only those subscribed to it; null: all.</param>
/// <param name="User">Only this user's; null: all.</param>
/// <param name="After">Only numbers above.</param>
/// <param name="Limit">At most this many.</param>
[GenerateSerializer, Immutable, Alias("notify.ConnectionQuery")]
public readonly record struct ConnectionQuery([property: Id(0)] string? Channel, [property: Id(1)] string? User, [property: Id(2)] long After, [property: Id(3)] int Limit);

/// <summary>One connection.</summary>
/// <param name="Number">Of the connection on its silo; with the silo's tag it makes the id.</param>
/// <param name="User">Its user, or null.</param>
/// <param name="Transport">Such as <c>websocket</c>.</param>
/// <param name="Since">When it was accepted.</param>
/// <param name="Channels">What it is subscribed to.</param>
/// <param name="Sent">Publications handed to its socket.</param>
/// <param name="QueuedBytes">Waiting in its outbox.</param>
[GenerateSerializer, Immutable, Alias("notify.ConnectionInfo")]
public sealed record ConnectionInfo(
    [property: Id(0)] long Number,
    [property: Id(1)] string? User,
    [property: Id(2)] string Transport,
    [property: Id(3)] DateTimeOffset Since,
    [property: Id(4)] string[] Channels,
    [property: Id(5)] long Sent,
    [property: Id(6)] long QueuedBytes);
