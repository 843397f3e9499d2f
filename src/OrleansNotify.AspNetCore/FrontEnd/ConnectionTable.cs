using System.Collections;
using System.Collections.Concurrent;
using OrleansNotify.Grains.Silos;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>The connections of this silo. Enumerating sees a connection that is there throughout exactly once.</summary>
internal sealed class ConnectionTable : IEnumerable<Connection>
{
    private readonly ConcurrentDictionary<long, Connection> _connections = new();
    private int _count;

    /// <summary>How many.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Adds a connection.</summary>
    public void Add(Connection connection)
    {
        if (_connections.TryAdd(connection.Number, connection))
            Interlocked.Increment(ref _count);
    }

    /// <summary>Removes a connection; false when it was not there.</summary>
    public bool Remove(Connection connection)
    {
        if (!_connections.TryRemove(connection.Number, out _))
            return false;
        Interlocked.Decrement(ref _count);
        return true;
    }

    /// <summary>The connection of that number, or null.</summary>
    public Connection? Find(long number) => _connections.GetValueOrDefault(number);

    /// <summary>By rising number.</summary>
    public ConnectionInfo[] List(ConnectionQuery query) =>
        [.. _connections.Values
            .Where(c => c.Number > query.After && (query.User is null || c.User == query.User) && (query.Channel is null || c.IsSubscribed(query.Channel)))
            .OrderBy(c => c.Number)
            .Take(query.Limit)
            .Select(c => c.Describe())];

    /// <inheritdoc />
    public IEnumerator<Connection> GetEnumerator()
    {
        foreach (var entry in _connections) // no snapshot: the table may be large
            yield return entry.Value;
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
