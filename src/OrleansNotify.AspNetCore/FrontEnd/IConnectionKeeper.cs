using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>Who looks after connections. Thread-safe.</summary>
internal interface IConnectionKeeper
{
    /// <summary>A connection is to be closed; asked once.</summary>
    void Close(Connection connection, DisconnectCode code, string reason);

    /// <summary>What a connection is allowed has changed, or how long: it is to be looked at.</summary>
    void Hurry(Connection connection);

    /// <summary>Something waits for a connection's socket, which did not take it at once.</summary>
    void Waits(Connection connection);
}
