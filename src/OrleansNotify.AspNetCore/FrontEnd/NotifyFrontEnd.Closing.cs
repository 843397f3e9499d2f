using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// How connections end: by their client, by us, by silence, by shutdown. Whoever begins it, counts and subscriptions go at once.
internal sealed partial class NotifyFrontEnd
{
    // A farewell behind a stuck write is given this long; then the socket is cut.
    private static readonly TimeSpan FarewellPatience = TimeSpan.FromSeconds(5);

    /// <summary>Ends a connection whose client, or whose socket, has ended.</summary>
    public async Task End(Connection connection, Frame? farewell)
    {
        if (connection.TryBeginClose())
        {
            Forget(connection);
            await Finish(connection, farewell, discardPending: farewell is null);
        }
        else
        {
            await connection.Closed;
        }
    }

    /// <summary>Ends every connection with a code that means reconnect.</summary>
    /// <param name="spread">Over this long, so that not all clients come back to the others in one moment; zero: at once.</param>
    public async Task CloseAll(TimeSpan spread)
    {
        _stopping = true;
        var all = _connections.ToArray();
        Random.Shared.Shuffle(all);
        for (var i = 0; i < all.Length; i++)
        {
            if (spread > TimeSpan.Zero && i % 50 == 49)
                await Task.Delay(spread * 50 / all.Length, _time);
            all[i].Close(DisconnectCode.Shutdown, "The server shuts down; reconnect.");
        }
    }

    void IConnectionKeeper.Close(Connection connection, DisconnectCode code, string reason)
    {
        Forget(connection);
        Metrics.Closed(code);
        LogClosed(connection.Id, (int)code, reason);
        _ = SayFarewell(connection, connection.Format.Close(code, reason), discardPending: code == DisconnectCode.Slow);
    }

    private async Task SayFarewell(Connection connection, Frame? farewell, bool discardPending)
    {
        await Finish(connection, farewell, discardPending);
        connection.CloseSink();
    }

    private async Task Finish(Connection connection, Frame? farewell, bool discardPending)
    {
        try
        {
            await connection.Outbox.Close(farewell, discardPending).WaitAsync(FarewellPatience, _time);
        }
        catch (TimeoutException)
        {
            await Cut(connection);
        }
        connection.SetClosed();
    }

    private Task Cut(Connection connection)
    {
        if (!_stopping)
            return _cuts.Cut(connection);
        connection.Abort(); // the process ends: nobody is held up
        return Task.CompletedTask;
    }

    private void Forget(Connection connection)
    {
        if (!_connections.Remove(connection))
            return;
        _deadlines.Remove(connection);
        _counts.Disconnected();
        Release(connection);
    }

    private void Release(Connection connection)
    {
        foreach (var subscription in connection.RemoveAll())
            Leave(subscription, null);
        if (connection.User is not null)
            Post(ChannelName.OfUser(connection.User), connection);
    }

    [LoggerMessage(5020, LogLevel.Debug, "Connection {Connection} closed by the server: {Code} {Reason}")]
    private partial void LogClosed(string connection, int code, string reason);
}
