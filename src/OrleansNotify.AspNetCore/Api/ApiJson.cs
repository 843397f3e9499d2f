using System.Text.Json;
using System.Text.Json.Serialization;
using OrleansNotify.Grains.Silos;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>How the bodies of the API are written, but for those on the publication path.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(StatsReply))]
[JsonSerializable(typeof(ConnectionsReply))]
[JsonSerializable(typeof(DisconnectReply))]
[JsonSerializable(typeof(UserReply))]
[JsonSerializable(typeof(UserSubscriptionReply))]
[JsonSerializable(typeof(RevocationReply))]
[JsonSerializable(typeof(ChannelsReply))]
[JsonSerializable(typeof(ChannelReply))]
[JsonSerializable(typeof(HealthReply))]
internal sealed partial class ApiJson : JsonSerializerContext;

/// <summary>Statistics of the whole cluster.</summary>
/// <param name="ActiveConnections">Connections now.</param>
/// <param name="Channels">Channel → subscriptions now; channels that begin with '@' or '#' are left out.</param>
/// <param name="Silos">Silos that the counts cover.</param>
/// <param name="Published">Publications accepted since each silo started.</param>
/// <param name="Delivered">Publications handed to sockets since each silo started.</param>
/// <param name="UptimeSeconds">How long the silo that answers has been up.</param>
/// <param name="Partial">True when an active silo is not in the counts.</param>
internal sealed record StatsReply(
    [property: JsonPropertyName("active_connections")] int ActiveConnections,
    [property: JsonPropertyName("channels")] IReadOnlyDictionary<string, int> Channels,
    [property: JsonPropertyName("silos")] int Silos,
    [property: JsonPropertyName("published")] long Published,
    [property: JsonPropertyName("delivered")] long Delivered,
    [property: JsonPropertyName("uptime_seconds")] long UptimeSeconds,
    [property: JsonPropertyName("partial")] bool Partial);

/// <summary>A page of connections.</summary>
/// <param name="Connections">In the order of their ids.</param>
/// <param name="Next">Pass it as <c>after</c> for the next page; absent on the last one.</param>
/// <param name="Partial">True when a silo did not answer: its connections are missing.</param>
internal sealed record ConnectionsReply(IReadOnlyList<ConnectionReply> Connections, string? Next, bool Partial);

/// <summary>One connection.</summary>
/// <param name="Id">Unique in the cluster.</param>
/// <param name="User">Absent when it has none.</param>
/// <param name="Transport">Such as <c>websocket</c>.</param>
/// <param name="Silo">The silo that holds it.</param>
/// <param name="Since">When it was accepted.</param>
/// <param name="Channels">What it is subscribed to.</param>
/// <param name="Sent">Publications handed to its socket.</param>
/// <param name="Queued">Bytes that wait for its socket.</param>
internal sealed record ConnectionReply(
    string Id, string? User, string Transport, string Silo, DateTimeOffset Since, IReadOnlyList<string> Channels, long Sent, long Queued)
{
    /// <summary>A connection as its silo listed it.</summary>
    public static ConnectionReply Of(SiloAddress silo, ConnectionInfo c) =>
        new(ConnectionId.Format(silo, c.Number), c.User, c.Transport, silo.ToString(), c.Since, c.Channels, c.Sent, c.QueuedBytes);
}

/// <summary>What a disconnect of a user did.</summary>
/// <param name="Disconnected">Connections closed.</param>
/// <param name="Partial">True when a silo did not answer: the user may have connections there.</param>
internal sealed record DisconnectReply(int Disconnected, bool Partial);

/// <summary>A user.</summary>
/// <param name="User">His id.</param>
/// <param name="Online">Whether he has a connection.</param>
/// <param name="Connections">All of his, oldest first.</param>
/// <param name="LastSeen">When he went; absent while he is online, and when it is not known.</param>
/// <param name="Partial">True when a silo did not answer: connections there are missing.</param>
internal sealed record UserReply(string User, bool Online, IReadOnlyList<ConnectionReply> Connections, DateTimeOffset? LastSeen, bool Partial);

/// <summary>What a change of a user's subscriptions did.</summary>
/// <param name="Connections">How many of his connections it was news to.</param>
/// <param name="Partial">True when a silo did not answer: connections there may be as they were.</param>
internal sealed record UserSubscriptionReply(int Connections, bool Partial);

/// <summary>A revocation.</summary>
/// <param name="Until">Until when it is kept, in seconds since 1970.</param>
/// <param name="Stored">Whether it survives the end of all silos: a store is configured.</param>
internal sealed record RevocationReply(long Until, bool Stored);

/// <summary>A page of live channels.</summary>
/// <param name="Channels">By ordinal order of name.</param>
/// <param name="Next">Pass it as <c>after</c> for the next page; absent on the last one. A page with a <c>pattern</c> can be short, even empty, and have one.</param>
/// <param name="Partial">True when a silo did not answer: its channels are missing.</param>
internal sealed record ChannelsReply(IReadOnlyList<LiveChannelReply> Channels, string? Next, bool Partial);

/// <summary>A live channel.</summary>
/// <param name="Channel">Its name.</param>
/// <param name="Epoch">Of its position.</param>
/// <param name="Offset">Of its position.</param>
/// <param name="History">Publications it keeps.</param>
/// <param name="FrontEnds">Silos with subscribers.</param>
/// <param name="Silo">The silo its grain lives on, written as in <see cref="ConnectionReply"/>.</param>
internal sealed record LiveChannelReply(string Channel, string Epoch, ulong Offset, int History, int FrontEnds, string Silo);

/// <summary>A channel.</summary>
/// <param name="Channel">Its name.</param>
/// <param name="Epoch">Of its position.</param>
/// <param name="Offset">Of its position: the number of its newest publication.</param>
/// <param name="Recoverable">Whether it keeps history.</param>
/// <param name="Subscriptions">Now, in the whole cluster; absent for channels that begin with '@' or '#', which everyone or one user hears unasked.</param>
/// <param name="Partial">True when an active silo is not in the count.</param>
internal sealed record ChannelReply(string Channel, string Epoch, ulong Offset, bool Recoverable, int? Subscriptions, bool Partial);

/// <summary>Health.</summary>
/// <param name="Status"><c>healthy</c> or <c>unhealthy</c>.</param>
/// <param name="Checks">Part → <c>healthy</c>, or what is wrong with it.</param>
internal sealed record HealthReply(string Status, IReadOnlyDictionary<string, string> Checks);
