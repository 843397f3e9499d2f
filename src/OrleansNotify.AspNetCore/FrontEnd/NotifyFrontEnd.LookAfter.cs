using System.Collections.Concurrent;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// What connections need as time goes by: pings, an end to the silent and the stuck, an end to what tokens allowed. Once a second those are looked at that are due,
// and those for whom something waits: looking at all of 10,000 that were idle took 0.4 % of a core.
internal sealed partial class NotifyFrontEnd
{
    // Nobody stays unseen for longer: tokens end by the clock of the world, which may be set.
    private static readonly TimeSpan LongestUnseen = TimeSpan.FromSeconds(30);

    private readonly ConnectionDeadlines _deadlines = new();
    private readonly List<Connection> _due = [];
    private readonly ConcurrentQueue<Connection> _waiting = new();
    private long _revocationsSeen;

    /// <summary>Takes note that the client was heard of.</summary>
    public void Heard(Connection connection)
    {
        connection.KeepAlive.Heard = _time.GetTimestamp();
        connection.KeepAlive.Pinged = 0;
    }

    /// <summary>Looks after the connections, once a second: pings those due, drops the silent and the stuck, and the fullest outbox when all together weigh too much.</summary>
    public void LookAfter()
    {
        LookAfterWaiting();
        if (_revoked.Version is var version && version != _revocationsSeen)
        {
            _revocationsSeen = version;
            _deadlines.HurryAll();
        }
        var now = _time.GetTimestamp();
        var clock = _time.GetUtcNow();
        _due.Clear();
        _deadlines.Take(now, now + 1, _due);
        foreach (var connection in _due)
        {
            var ping = LookAfterKeepAlive(connection, now);
            var token = CheckTokens(connection, clock) - clock;
            _deadlines.Put(connection, Math.Min(ping, After(now, token < LongestUnseen ? token : LongestUnseen)));
        }
    }

    void IConnectionKeeper.Hurry(Connection connection) => _deadlines.Hurry(connection);

    void IConnectionKeeper.Waits(Connection connection) => _waiting.Enqueue(connection);

    private void LookAfterWaiting()
    {
        long together = 0;
        Connection? fullest = null;
        long most = 0;
        for (var left = _waiting.Count; left > 0 && _waiting.TryDequeue(out var connection); left--)
        {
            connection.WaitsNoMore(); // before the look: what waits from here on is told
            var pending = connection.Outbox.PendingBytes;
            if (pending == 0 || connection.IsClosing)
                continue;
            connection.Waits();
            together += pending;
            if (pending > most)
                (fullest, most) = (connection, pending);
            if (connection.Outbox.Stalled > _limits.OutboxStall)
                connection.Close(DisconnectCode.Slow, "The client does not read.");
        }
        Metrics.OutboxBytes(together);
        // PROMISES P10: all outboxes of a silo together at most a quarter of memory.
        if (fullest is not null && together > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4)
            fullest.Close(DisconnectCode.Slow, "The server is short of memory and this client reads slowest.");
    }

    // Says when to look again.
    private long LookAfterKeepAlive(Connection connection, long now)
    {
        if (connection.Format.KeepAlive is not { } ping)
            return long.MaxValue;
        ref var state = ref connection.KeepAlive;
        if (state.Pinged is not 0 and var pinged)
        {
            if (_time.GetElapsedTime(pinged, now) > _limits.PongTimeout)
                connection.Close(DisconnectCode.NoPong, "No answer to a ping in time.");
            return After(pinged, _limits.PongTimeout);
        }
        if (state.NextPing != 0 && now < state.NextPing)
            return state.NextPing;
        // −10 %: connections accepted together are not pinged together.
        var next = _limits.PingInterval * (1 - (0.1 * Random.Shared.NextDouble()));
        var isFirst = state.NextPing == 0;
        state.NextPing = After(now, next);
        if (isFirst)
            return state.NextPing;
        if (!connection.Format.AnswersKeepAlive)
        {
            connection.Send(ping);
            return state.NextPing;
        }
        state.Pinged = now;
        connection.Send(ping);
        return After(now, _limits.PongTimeout);
    }

    private long After(long timestamp, TimeSpan time) => timestamp + (long)(time.TotalSeconds * _time.TimestampFrequency);
}
