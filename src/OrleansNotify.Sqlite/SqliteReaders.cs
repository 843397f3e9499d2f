using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace OrleansNotify.Sqlite;

/// <summary>A few connections that read, each used by one caller at a time; they see what is committed and never wait for the writer.</summary>
/// <param name="file">What to read.</param>
internal sealed class SqliteReaders(SqliteFile file) : IDisposable
{
    // A silo that starts reads for thousands of channels; more of these would only queue at the disk.
    private const int Most = 4;

    private readonly SemaphoreSlim _turns = new(Most);
    private readonly ConcurrentBag<Reader> _idle = [];
    private volatile bool _disposed;

    /// <summary>The record, or null. No file is made: no file, no record.</summary>
    public async Task<StoredRecord?> Read(RecordKey key, CancellationToken cancellationToken)
    {
        if (!file.Exists)
            return null;
        await _turns.WaitAsync(cancellationToken);
        try
        {
            // Off the caller's scheduler: a grain's turn is not for waiting on a disk.
            return await Task.Run(() => Read(key), cancellationToken);
        }
        finally
        {
            _turns.Release();
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _disposed = true;
        while (_idle.TryTake(out var reader))
            reader.Dispose();
    }

    private StoredRecord? Read(RecordKey key)
    {
        var reader = _idle.TryTake(out var idle) ? idle : new Reader(file.OpenToRead());
        try
        {
            var record = reader.Read(key);
            _idle.Add(reader);
            if (_disposed)
                Dispose();
            return record;
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    private sealed class Reader(SqliteConnection connection) : IDisposable
    {
        private readonly SqliteCommand _select = connection.Prepared(
            "SELECT etag, data FROM grain_state WHERE service = $service AND grain = $grain AND state = $state", "$service", "$grain", "$state");

        public StoredRecord? Read(RecordKey key)
        {
            _select.Parameters[0].Value = key.Service;
            _select.Parameters[1].Value = key.Grain;
            _select.Parameters[2].Value = key.State;
            using var rows = _select.ExecuteReader();
            return rows.Read() ? new StoredRecord(rows.GetString(0), rows.GetFieldValue<byte[]>(1)) : null;
        }

        public void Dispose()
        {
            _select.Dispose();
            connection.Dispose();
        }
    }
}
