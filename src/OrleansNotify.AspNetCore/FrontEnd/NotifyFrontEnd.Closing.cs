using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// How connections end: by their client, by us, by silence, by shutdown. Whoever begins it, counts and subscriptions go at once.
internal sealed partial class NotifyFrontEnd
{
    // A farewell behind a stuck write is given this long; then the socket is cut.
    private static readonly TimeSpan FarewellPatience = TimeSpan.FromSeconds(5);

    /// <summary>Takes note that the client was heard of.</summary>
    public void Heard(Connection connection)
    {
        connection.KeepAlive.Heard = _time.GetTimestamp();
        connection.KeepAlive.Pinged = 0;
    }

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

    /// <summary>Looks after the connections, once a second: pings those due, drops the silent and the stuck, and the fullest outbox when all together weigh too much.</summary>
    public void LookAfter()
    {
        var now = _time.GetTimestamp();
        var clock = _time.GetUtcNow();
        long together = 0;
        Connection? fullest = null;
        long most = 0;
        foreach (var connection in _connections)
        {
            var pending = connection.Outbox.PendingBytes;
            together += pending;
            if (pending > most)
                (fullest, most) = (connection, pending);
            if (connection.Outbox.Stalled > _limits.OutboxStall)
                connection.Close(DisconnectCode.Slow, "The client does not read.");
            else
            {
                LookAfter(connection, now);
                CheckTokens(connection, clock);
            }
        }
        Metrics.OutboxBytes(together);
        // PROMISES P10: all outboxes of a silo together at most a quarter of memory.
        if (fullest is not null && together > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4)
            fullest.Close(DisconnectCode.Slow, "The server is short of memory and this client reads slowest.");
    }

    private void LookAfter(Connection connection, long now)
    {
        if (connection.Format.KeepAlive is not { } ping)
            return;
        ref var state = ref connection.KeepAlive;
        if (state.Pinged != 0)
        {
            if (_time.GetElapsedTime(state.Pinged, now) > _limits.PongTimeout)
                connection.Close(DisconnectCode.NoPong, "No answer to a ping in time.");
            return;
        }
        if (state.NextPing != 0 && now < state.NextPing)
            return;
        if (state.NextPing != 0)
        {
            if (connection.Format.AnswersKeepAlive)
                state.Pinged = now;
            connection.Send(ping);
        }
        // −10 %: connections accepted together are not pinged together.
        var next = _limits.PingInterval * (1 - (0.1 * Random.Shared.NextDouble()));
        state.NextPing = now + (long)(next.TotalSeconds * _time.TimestampFrequency);
    }

    private void CloseConnection(Connection connection, DisconnectCode code, string reason)
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
            connection.Abort();
        }
        connection.SetClosed();
    }

    private void Forget(Connection connection)
    {
        if (!_connections.Remove(connection))
            return;
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
