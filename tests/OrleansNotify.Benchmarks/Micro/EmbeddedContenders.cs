using System.Text;
using OrleansNotify.Sqlite;
using RocksDbSharp;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>An embedded store as durable channels use one: a compare-and-swap per record, acknowledged when a flush of the disk has carried it.</summary>
internal abstract class EmbeddedContender : IAsyncDisposable
{
    public abstract string Name { get; }

    /// <summary>Whether a second process may have the same store open.</summary>
    public abstract bool Shared { get; }

    public abstract Task<bool> Write(RecordWrite write);

    public abstract ValueTask DisposeAsync();

    /// <summary>Bytes on disk.</summary>
    public static long SizeOf(string folder) => Directory.GetFiles(folder, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);

    protected static byte[] KeyOf(RecordWrite write) => Encoding.UTF8.GetBytes($"{write.Key.Service}\0{write.Key.Grain}\0{write.Key.State}");

    // ETag and data in one value, as a store without columns keeps them.
    protected static byte[] ValueOf(RecordWrite write) => [.. Encoding.ASCII.GetBytes(write.ETag), .. write.Data!.Value.Span];

    protected static bool Matches(ReadOnlySpan<byte> stored, bool exists, RecordWrite write) =>
        write.Expected is null ? !exists : exists && stored[..32].SequenceEqual(Encoding.ASCII.GetBytes(write.Expected));
}

/// <summary>What ships: SQLite, WAL, synchronous FULL, commits in groups.</summary>
internal sealed class SqliteContender(string folder) : EmbeddedContender
{
    private readonly SqliteRecords _records = new(new SqliteFile(Path.Combine(folder, "notify.db")));

    public override string Name => "SQLite 3, WAL, FULL";

    public override bool Shared => true;

    public override Task<bool> Write(RecordWrite write) => _records.Write(write, default);

    public override ValueTask DisposeAsync() => _records.DisposeAsync();
}

/// <summary>The same without groups: one commit per record.</summary>
internal sealed class SingleSqliteContender : EmbeddedContender
{
    private readonly SqliteWriter _writer;
    private readonly SemaphoreSlim _turn = new(1);

    public SingleSqliteContender(string folder) => _writer = new SqliteWriter(new SqliteFile(Path.Combine(folder, "notify.db")));

    public override string Name => "SQLite, a commit per record";

    public override bool Shared => true;

    public override async Task<bool> Write(RecordWrite write)
    {
        await _turn.WaitAsync();
        try
        {
            await Task.Run(() => _writer.Commit([write]));
            return write.Applied;
        }
        finally
        {
            _turn.Release();
        }
    }

    public override ValueTask DisposeAsync()
    {
        _writer.Dispose();
        _turn.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>RocksDB: a log-structured tree, its log flushed at every batch; our groups.</summary>
internal sealed class RocksContender : EmbeddedContender
{
    private readonly RocksDb _database;
    private readonly WriteOptions _flushed = new WriteOptions().SetSync(true);
    private readonly GroupCommit<RecordWrite> _commits;

    public RocksContender(string folder)
    {
        _database = RocksDb.Open(new DbOptions().SetCreateIfMissing(true), folder);
        _commits = new GroupCommit<RecordWrite>(Commit, write => write.Data!.Value.Length);
    }

    public override string Name => "RocksDB, sync";

    public override bool Shared => false;

    public override async Task<bool> Write(RecordWrite write)
    {
        await _commits.Write(write, default);
        return write.Applied;
    }

    public override async ValueTask DisposeAsync()
    {
        await _commits.DisposeAsync();
        _database.Dispose();
    }

    private void Commit(IReadOnlyList<RecordWrite> writes)
    {
        using var batch = new WriteBatch();
        foreach (var write in writes)
        {
            var key = KeyOf(write);
            var stored = _database.Get(key);
            write.Applied = Matches(stored, stored is not null, write); // no key comes twice in a group of this measurement
            if (write.Applied)
                batch.Put(key, ValueOf(write));
        }
        _database.Write(batch, _flushed);
    }
}
