using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// Is told what becomes of connections, of each in the order in which it happens: connected, its subscriptions, all of them gone, disconnected. Called under the connection's lock:
/// it must not wait.
/// </summary>
internal interface IConnectionWatch
{
    /// <summary>It is known who it is: at once, or when its token has been verified. One that ends before was never connected.</summary>
    void Connected(Connection connection);

    /// <summary>A subscription was accepted, or given with its token; not the user's own channel, nor those that reach everyone.</summary>
    /// <param name="connection">Whose.</param>
    /// <param name="channel">In what: a name, or a pattern.</param>
    void Subscribed(Connection connection, string channel);

    /// <summary>It has gone: its client left or ended, it was taken away, or its channel could not be reached.</summary>
    void Unsubscribed(Connection connection, string channel);

    /// <summary>It has ended.</summary>
    /// <param name="connection">Which.</param>
    /// <param name="code">Of our close; null: the client has ended it, or its socket has.</param>
    /// <param name="reason">With the code.</param>
    void Disconnected(Connection connection, DisconnectCode? code, string? reason);
}
