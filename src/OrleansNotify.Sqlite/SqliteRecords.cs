namespace OrleansNotify.Sqlite;

/// <summary>Records in one file: read by any, written in groups.</summary>
internal sealed class SqliteRecords : IAsyncDisposable
{
    private readonly SqliteReaders _readers;
    private readonly SqliteWriter _writer;
    private readonly GroupCommit<RecordWrite> _commits;

    /// <param name="file">Made by the first write.</param>
    public SqliteRecords(SqliteFile file)
    {
        _readers = new SqliteReaders(file);
        _writer = new SqliteWriter(file);
        _commits = new GroupCommit<RecordWrite>(_writer.Commit, write => write.Data?.Length ?? 0);
    }

    /// <summary>The record, or null.</summary>
    public Task<StoredRecord?> Read(RecordKey key, CancellationToken cancellationToken) => _readers.Read(key, cancellationToken);

    /// <summary>Writes if the version is the expected one; durable when it returns. Returns whether it was applied.</summary>
    public async Task<bool> Write(RecordWrite write, CancellationToken cancellationToken)
    {
        await _commits.Write(write, cancellationToken);
        return write.Applied;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _commits.DisposeAsync();
        _writer.Dispose();
        _readers.Dispose();
    }
}
