using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>Where transports bring connections. The one way from any transport and codec to the channels.</summary>
public interface INotifySessions
{
    /// <summary>Most publications that one <c>history</c> option or command may ask for; never changes.</summary>
    int HistoryPageSize { get; }

    /// <summary>
    /// Whether a session would be let in, and these subscriptions allowed: for transports whose first answer cannot be taken back. What may change until
    /// <see cref="Begin"/> is checked there again.
    /// </summary>
    /// <param name="start">What the transport knows of the client.</param>
    /// <param name="subscriptions">To channels, not patterns.</param>
    /// <param name="cancellationToken">The client has gone.</param>
    /// <returns>Null, or the first thing that is refused.</returns>
    ValueTask<SessionRefusal?> Check(SessionStart start, IReadOnlyList<SubscribeCommand> subscriptions, CancellationToken cancellationToken);

    /// <summary>Begins a session. Completes when it receives all that a connection gets without asking (everyone's channels, its user's own).</summary>
    /// <param name="start">What the transport knows of the client.</param>
    /// <param name="cancellationToken">The client has gone.</param>
    Task<INotifySession> Begin(SessionStart start, CancellationToken cancellationToken);
}

/// <summary>A client at the door.</summary>
/// <param name="User">Its user where no tokens are asked for, or null.</param>
/// <param name="Transport">Such as <c>websocket</c>.</param>
/// <param name="Format">How to put what is said into bytes.</param>
/// <param name="Sink">Where the bytes go.</param>
/// <param name="Token">The connection token it brought along, unchecked; null: none.</param>
/// <param name="IsOwn">Whether it is no client but this process, which tries itself out: it is counted, listed, reported and sent to nowhere, and is to ask for nothing but a pong.</param>
public sealed record SessionStart(string? User, string Transport, IFrameFormat Format, IFrameSink Sink, string? Token = null, bool IsOwn = false);

/// <summary>Why a client is not let in.</summary>
/// <param name="Code">As in an <c>error</c> reply.</param>
/// <param name="Message">For people.</param>
/// <param name="Channel">The channel that is refused; null: the client itself.</param>
/// <param name="IsToken">Whether it is its subscription token that is refused.</param>
public sealed record SessionRefusal(NotifyError Code, string Message, string? Channel = null, bool IsToken = false);

/// <summary>One client session. Commands are handed in one at a time; replies and events leave by the sink.</summary>
public interface INotifySession
{
    /// <summary>Does what the client asked. Completes when the next command may come; replies may follow later.</summary>
    ValueTask Handle(ClientCommand command);

    /// <summary>Answers a message that is no command.</summary>
    void Refuse(CommandProblem problem);

    /// <summary>The client was heard of: its keep-alive starts anew.</summary>
    void Heard();

    /// <summary>Sends bytes of the transport's own (an answer to a ping of the client's, say) in their order.</summary>
    void Send(Frame frame);

    /// <summary>Ends the session from this side, with a farewell.</summary>
    void Close(DisconnectCode code, string reason);

    /// <summary>The client has ended it, or its socket has. Counts and subscriptions go at once; what is still pending goes out until the task completes.</summary>
    /// <param name="farewell">The transport's answer to the client's own farewell, or null.</param>
    Task End(Frame? farewell);
}
