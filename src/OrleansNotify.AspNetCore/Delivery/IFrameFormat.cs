using System.Buffers;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>
/// How a transport puts what the server says into bytes: a codec of Protocol inside the transport's framing. Stateless, one instance per kind:
/// connections that share the instance share encoded frames.
/// </summary>
public interface IFrameFormat
{
    /// <summary>An event; with its epoch when not null.</summary>
    void WriteEvent(IBufferWriter<byte> output, string channel, ChannelEpoch? epoch, Publication publication);

    /// <summary>The reply to a subscribe.</summary>
    Frame Subscribed(ReadOnlySpan<byte> id, string channel, ChannelPosition position, bool recoverable, bool? recovered);

    /// <summary>The reply to a subscribe to a pattern, which has no position of its own.</summary>
    Frame SubscribedPattern(ReadOnlySpan<byte> id, string pattern);

    /// <summary>The reply to an unsubscribe.</summary>
    Frame Unsubscribed(ReadOnlySpan<byte> id, string channel);

    /// <summary>Tells that the server has ended a subscription.</summary>
    Frame Dropped(string channel, NotifyError code);

    /// <summary>The reply to an auth.</summary>
    Frame Authenticated(ReadOnlySpan<byte> id, string user, DateTimeOffset expires);

    /// <summary>The reply to a refresh.</summary>
    Frame Refreshed(ReadOnlySpan<byte> id, DateTimeOffset expires);

    /// <summary>The reply to a ping command.</summary>
    Frame Pong(ReadOnlySpan<byte> id);

    /// <summary>An error reply.</summary>
    Frame Error(ReadOnlySpan<byte> id, NotifyError code, string message, string? channel);

    /// <summary>Tells a subscription its position, after a new epoch or a part that is lost.</summary>
    Frame Position(string channel, ChannelPosition position, bool recovered);

    /// <summary>The reply to a publish.</summary>
    Frame Published(ReadOnlySpan<byte> id, PublishResult result);

    /// <summary>The reply to a history command.</summary>
    Frame History(ReadOnlySpan<byte> id, string channel, ChannelPosition position, IReadOnlyList<Publication> publications);

    /// <summary>Tells that somebody has come or gone.</summary>
    Frame PresenceChange(string channel, bool joined, PresenceMember member);

    /// <summary>The reply to a presence command; members is null when they are too many.</summary>
    Frame Presence(ReadOnlySpan<byte> id, string channel, IReadOnlyList<PresenceMember>? members, int total);

    /// <summary>The reply to a presence_stats command.</summary>
    Frame PresenceStats(ReadOnlySpan<byte> id, string channel, int connections, int users);

    /// <summary>The transport's own ping, or null when it has none.</summary>
    Frame? KeepAlive { get; }

    /// <summary>Whether clients answer <see cref="KeepAlive"/>: then one that does not is gone.</summary>
    bool AnswersKeepAlive { get; }

    /// <summary>The transport's farewell, or null when it has none.</summary>
    /// <param name="code">The close code.</param>
    /// <param name="reason">A short sentence; cut to what the transport can carry.</param>
    Frame? Close(DisconnectCode code, string reason);
}
