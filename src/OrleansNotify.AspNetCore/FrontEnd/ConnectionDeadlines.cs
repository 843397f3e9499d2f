namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// When each connection has to be looked at next. A row of times beside the connections: in a second in which little is due, one page of numbers is read
/// for every 500 connections, and not the connections themselves. Times are timestamps of the silo's clock. Thread-safe.
/// </summary>
internal sealed class ConnectionDeadlines
{
    private const long AtOnce = 0;

    private readonly Lock _lock = new();
    private long[] _due = [];
    private Connection[] _connections = [];
    private int _count;

    /// <summary>Adds a connection, which is due at once; once.</summary>
    public void Add(Connection connection)
    {
        lock (_lock)
        {
            if (_count == _due.Length)
            {
                Array.Resize(ref _due, Math.Max(16, _count * 2));
                Array.Resize(ref _connections, _due.Length);
            }
            Set(_count++, connection, AtOnce);
        }
    }

    /// <summary>Removes a connection, if it is there.</summary>
    public void Remove(Connection connection)
    {
        lock (_lock)
        {
            if (connection.DeadlineSlot < 0)
                return;
            var last = --_count;
            Set(connection.DeadlineSlot, _connections[last], _due[last]);
            _connections[last] = null!;
            connection.DeadlineSlot = -1;
        }
    }

    /// <summary>Something about a connection has changed: it is due at once.</summary>
    public void Hurry(Connection connection)
    {
        lock (_lock)
        {
            if (connection.DeadlineSlot >= 0)
                _due[connection.DeadlineSlot] = AtOnce;
        }
    }

    /// <summary>All are due at once.</summary>
    public void HurryAll()
    {
        lock (_lock)
            Array.Fill(_due, AtOnce, 0, _count);
    }

    /// <summary>Gives out what is due.</summary>
    /// <param name="now">Timestamp.</param>
    /// <param name="again">When they are due again, unless <see cref="Put"/> says otherwise.</param>
    /// <param name="due">Gets them.</param>
    public void Take(long now, long again, List<Connection> due)
    {
        lock (_lock)
        {
            for (var slot = 0; slot < _count; slot++)
            {
                if (_due[slot] > now)
                    continue;
                due.Add(_connections[slot]);
                _due[slot] = again;
            }
        }
    }

    /// <summary>Says when a connection that was given out is due again. One that was hurried meanwhile stays so.</summary>
    public void Put(Connection connection, long due)
    {
        lock (_lock)
        {
            if (connection.DeadlineSlot >= 0 && _due[connection.DeadlineSlot] != AtOnce)
                _due[connection.DeadlineSlot] = due;
        }
    }

    private void Set(int slot, Connection connection, long due) =>
        (_due[slot], _connections[slot], connection.DeadlineSlot) = (due, connection, slot);
}
