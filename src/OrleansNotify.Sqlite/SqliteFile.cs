using Microsoft.Data.Sqlite;

namespace OrleansNotify.Sqlite;

/// <summary>Opens a database file as we want it, makes it when it is not there, and refuses one that is not ours.</summary>
/// <param name="path">The file.</param>
internal sealed class SqliteFile(string path)
{
    // "OrNo": tells our files from anybody else's (PRAGMA application_id).
    private const int ApplicationId = 0x4F724E6F;

    // Of the tables (PRAGMA user_version). A later server may know more, never an earlier one.
    private const int SchemaVersion = 1;

    // Another process may be in the middle of a commit: longer than any commit of bounded size, shorter than the callers' patience with the silo.
    private const int BusySeconds = 5;

    private const string Schema = $"""
        CREATE TABLE grain_state (
            service TEXT NOT NULL,
            grain   TEXT NOT NULL,
            state   TEXT NOT NULL,
            etag    TEXT NOT NULL,
            data    BLOB NOT NULL,
            PRIMARY KEY (service, grain, state)
        );
        """;

    private readonly string _path = Path.GetFullPath(path);

    /// <summary>Whether there is a file.</summary>
    public bool Exists => File.Exists(_path);

    /// <summary>Opens it for reading; it must exist.</summary>
    public SqliteConnection OpenToRead() => Open(SqliteOpenMode.ReadWrite); // not read-only: the first reader after a crash has to recover the log

    /// <summary>Opens it for writing, and makes folder, file and tables if there are none.</summary>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public SqliteConnection OpenToWrite()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        return Open(SqliteOpenMode.ReadWriteCreate);
    }

    private SqliteConnection Open(SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = _path,
            Mode = mode,
            Pooling = false, // ours live as long as the store
            DefaultTimeout = BusySeconds,
        }.ToString());
        try
        {
            connection.Open();
            connection.Execute($"PRAGMA busy_timeout = {BusySeconds * 1000}");
            Prepare(connection);
            // FULL: the log is flushed to the disk at every commit, so that one that was acknowledged survives power loss, as far as the disk's own
            // cache obeys a flush. (NORMAL would flush at checkpoints only.) fullfsync: macOS, where a plain flush stops at the drive's cache.
            connection.Execute("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    // Two processes may come here at once: the lock of IMMEDIATE lets one of them make the tables.
    private void Prepare(SqliteConnection connection)
    {
        if (IsOurs(connection))
            return;
        connection.Execute("PRAGMA journal_mode = WAL"); // readers never wait for the writer, and a commit is one flush
        connection.Execute("BEGIN IMMEDIATE");
        if (!IsOurs(connection))
            connection.Execute($"{Schema} PRAGMA application_id = {ApplicationId}; PRAGMA user_version = {SchemaVersion}");
        connection.Execute("COMMIT");
    }

    private bool IsOurs(SqliteConnection connection)
    {
        // In this order: whoever makes the tables makes the id with them, so where there were tables there is an id.
        var isEmpty = connection.Number("SELECT count(*) FROM sqlite_master") == 0;
        var application = connection.Number("PRAGMA application_id");
        var version = connection.Number("PRAGMA user_version");
        if (application == ApplicationId)
        {
            return version <= SchemaVersion
                ? true
                : throw new InvalidDataException($"{_path} was made by a later version of OrleansNotify (tables {version}; this one knows {SchemaVersion}).");
        }
        return application == 0 && isEmpty
            ? false
            : throw new InvalidDataException($"{_path} is a database of another program.");
    }
}
