using Microsoft.Data.Sqlite;

namespace OrleansNotify.Sqlite;

/// <summary>Commits groups of writes, each a compare-and-swap on its ETag; one that does not match changes nothing and spoils nothing. Used by one thread.</summary>
/// <param name="file">Opened, and made if need be, with the first commit.</param>
internal sealed class SqliteWriter(SqliteFile file) : IDisposable
{
    private const string Of = "service = $service AND grain = $grain AND state = $state";

    private Statements? _statements;

    /// <summary>Applies all in one transaction and says of each whether it was applied. Throws when nothing was.</summary>
    public void Commit(IReadOnlyList<RecordWrite> writes)
    {
        try
        {
            var statements = _statements ??= new Statements(file.OpenToWrite());
            statements.Begin.ExecuteNonQuery();
            foreach (var write in writes)
                write.Applied = statements.Apply(write);
            statements.Commit.ExecuteNonQuery();
        }
        catch
        {
            // Closing rolls back whatever SQLite has not rolled back by itself (a full disk, for one); the next group opens the file anew.
            Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _statements?.Dispose();
        _statements = null;
    }

    private sealed class Statements(SqliteConnection connection) : IDisposable
    {
        private static readonly string[] Key = ["$service", "$grain", "$state"];

        private readonly SqliteCommand _insert = connection.Prepared(
            "INSERT INTO grain_state (service, grain, state, etag, data) VALUES ($service, $grain, $state, $etag, $data) ON CONFLICT DO NOTHING",
            [.. Key, "$etag", "$data"]);

        private readonly SqliteCommand _update = connection.Prepared(
            $"UPDATE grain_state SET etag = $etag, data = $data WHERE {Of} AND etag = $expected", [.. Key, "$etag", "$data", "$expected"]);

        private readonly SqliteCommand _delete = connection.Prepared($"DELETE FROM grain_state WHERE {Of} AND etag = $expected", [.. Key, "$expected"]);

        private readonly SqliteCommand _isThere = connection.Prepared($"SELECT 1 FROM grain_state WHERE {Of}", Key);

        // By hand, prepared: what the provider does around a transaction of its own costs more than these two. IMMEDIATE: the right to write is
        // taken, and waited for, at once; taken later it could only fail.
        public SqliteCommand Begin { get; } = connection.Prepared("BEGIN IMMEDIATE");

        public SqliteCommand Commit { get; } = connection.Prepared("COMMIT");

        public bool Apply(RecordWrite write) => (write.Data, write.Expected) switch
        {
            ({ } data, null) => Run(_insert, write, data, null) == 1,
            ({ } data, { } expected) => Run(_update, write, data, expected) == 1,
            (null, { } expected) => Run(_delete, write, null, expected) == 1,
            (null, null) => Bind(_isThere, write.Key).ExecuteScalar() is null, // deleting what is not there
        };

        public void Dispose()
        {
            foreach (var command in (SqliteCommand[])[_insert, _update, _delete, _isThere, Begin, Commit])
                command.Dispose();
            connection.Dispose();
        }

        private static int Run(SqliteCommand command, RecordWrite write, ReadOnlyMemory<byte>? data, string? expected)
        {
            Bind(command, write.Key);
            if (data is { } bytes)
            {
                command.Parameters["$etag"].Value = write.ETag;
                command.Parameters["$data"].Value = Whole(bytes);
            }
            if (expected is not null)
                command.Parameters["$expected"].Value = expected;
            var changed = command.ExecuteNonQuery();
            if (data is not null)
                command.Parameters["$data"].Value = DBNull.Value; // don't hold the last state's bytes until the next write
            return changed;
        }

        private static SqliteCommand Bind(SqliteCommand command, in RecordKey key)
        {
            command.Parameters[0].Value = key.Service;
            command.Parameters[1].Value = key.Grain;
            command.Parameters[2].Value = key.State;
            return command;
        }

        // The provider binds whole arrays only.
        private static byte[] Whole(ReadOnlyMemory<byte> data) =>
            System.Runtime.InteropServices.MemoryMarshal.TryGetArray(data, out var segment) && segment.Offset == 0 && segment.Count == segment.Array!.Length
                ? segment.Array
                : data.ToArray();
    }
}
