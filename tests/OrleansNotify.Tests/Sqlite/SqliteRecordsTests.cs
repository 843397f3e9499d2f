using Microsoft.Data.Sqlite;
using OrleansNotify.Sqlite;

namespace OrleansNotify.Tests.Sqlite;

public sealed class SqliteRecordsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Reading_makes_no_file_and_the_first_write_makes_folder_and_file()
    {
        var path = _folder["deep/er/notify.db"];
        await using var records = new SqliteRecords(new SqliteFile(path));
        Assert.Null(await records.Read(Key("a"), default));
        Assert.False(Directory.Exists(_folder["deep"]));

        Assert.True(await records.Write(New("a", 1), default));

        Assert.True(File.Exists(path));
        Assert.Equal([1], (await records.Read(Key("a"), default))!.Data);
    }

    [Fact]
    public async Task Only_the_version_that_was_read_can_be_replaced_or_deleted()
    {
        await using var records = Open();
        var first = New("a", 1);
        Assert.True(await records.Write(first, default));
        Assert.False(await records.Write(New("a", 2), default)); // a second "there is none yet"
        var second = new RecordWrite(Key("a"), first.ETag, new byte[] { 2 });
        Assert.True(await records.Write(second, default));
        Assert.NotEqual(first.ETag, second.ETag);
        Assert.False(await records.Write(new RecordWrite(Key("a"), first.ETag, new byte[] { 3 }), default));
        Assert.False(await records.Write(new RecordWrite(Key("a"), first.ETag, null), default));
        Assert.False(await records.Write(new RecordWrite(Key("a"), null, null), default)); // "delete what is not there": it is
        Assert.Equal(new { second.ETag, Data = 2 }, await Stored(records, "a"));

        Assert.True(await records.Write(new RecordWrite(Key("a"), second.ETag, null), default));
        Assert.Null(await records.Read(Key("a"), default));
        Assert.True(await records.Write(new RecordWrite(Key("a"), null, null), default));
        Assert.False(await records.Write(new RecordWrite(Key("a"), second.ETag, new byte[] { 4 }), default)); // deleted meanwhile
    }

    [Fact]
    public async Task A_record_made_again_does_not_take_the_writes_of_one_who_knew_the_old_one()
    {
        await using var records = Open();
        var old = New("a", 1);
        await records.Write(old, default);
        await records.Write(new RecordWrite(Key("a"), old.ETag, null), default);
        await records.Write(New("a", 1), default);
        Assert.False(await records.Write(new RecordWrite(Key("a"), old.ETag, new byte[] { 9 }), default));
    }

    [Fact]
    public async Task Distinct_keys_stay_distinct()
    {
        string[] names = ["team/secret", "team_secret", "team#secret", "Team/secret", "team/secret ", "тема", "テーマ", "e\u0301", "\u00e9", "a\0b", "a", "%", "'", "\"; DROP TABLE grain_state; --", ""];
        await using var records = Open();
        var keys = names.SelectMany(name => new[] { new RecordKey("s", name, "x"), new RecordKey("s", "x", name), new RecordKey(name, "s", "x") }).Distinct().ToArray();
        var writes = keys.Select((key, i) => new RecordWrite(key, null, BitConverter.GetBytes(i))).ToArray();
        Assert.All(await Task.WhenAll(writes.Select(write => records.Write(write, default))), Assert.True);
        for (var i = 0; i < keys.Length; i++)
            Assert.Equal(BitConverter.GetBytes(i), (await records.Read(keys[i], default))!.Data);
    }

    [Fact]
    public async Task Writers_of_the_same_record_take_turns_and_none_is_lost()
    {
        await using var one = Open();
        await using var other = Open(); // as another process would: connections of its own
        await one.Write(New("counter", 0), default);

        await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            var records = i % 2 == 0 ? one : other;
            while (true)
            {
                var seen = (await records.Read(Key("counter"), default))!;
                if (await records.Write(new RecordWrite(Key("counter"), seen.ETag, new[] { (byte)(seen.Data[0] + 1) }), default))
                    return;
            }
        }));

        Assert.Equal([20], (await one.Read(Key("counter"), default))!.Data);
    }

    [Fact]
    public async Task Two_processes_that_come_first_at_once_make_one_file()
    {
        var all = Enumerable.Range(0, 8).Select(_ => Open()).ToArray();
        Assert.All(await Task.WhenAll(all.Select((records, i) => records.Write(New($"{i}", (byte)i), default))), Assert.True);
        for (var i = 0; i < all.Length; i++)
            Assert.Equal([(byte)i], (await all[0].Read(Key($"{i}"), default))!.Data);
        foreach (var records in all)
            await records.DisposeAsync();
    }

    [Fact]
    public async Task A_write_that_cannot_be_committed_fails_and_the_next_one_is_tried_anew()
    {
        File.WriteAllText(_folder["in-the-way"], "");
        await using var records = new SqliteRecords(new SqliteFile(_folder["in-the-way/notify.db"]));
        await Assert.ThrowsAnyAsync<IOException>(() => records.Write(New("a", 1), default));
        File.Delete(_folder["in-the-way"]);
        Assert.True(await records.Write(New("a", 1), default));
    }

    [Fact]
    public void Every_commit_is_flushed_and_readers_do_not_wait()
    {
        using var connection = new SqliteFile(_folder["notify.db"]).OpenToWrite();
        Assert.Equal(2, connection.Number("PRAGMA synchronous")); // FULL
        using var mode = connection.Prepared("PRAGMA journal_mode");
        Assert.Equal("wal", mode.ExecuteScalar());
    }

    [Fact]
    public void Files_that_are_not_ours_are_left_alone()
    {
        using (var theirs = new SqliteConnection($"Data Source={_folder["theirs.db"]};Pooling=false"))
        {
            theirs.Open();
            theirs.Execute("CREATE TABLE t (x)");
        }
        Assert.Contains("another program", Assert.Throws<InvalidDataException>(() => new SqliteFile(_folder["theirs.db"]).OpenToWrite()).Message, StringComparison.Ordinal);

        using (var later = new SqliteFile(_folder["later.db"]).OpenToWrite())
            later.Execute("PRAGMA user_version = 2");
        Assert.Contains("later version", Assert.Throws<InvalidDataException>(() => new SqliteFile(_folder["later.db"]).OpenToRead()).Message, StringComparison.Ordinal);

        File.WriteAllText(_folder["text.db"], new string('x', 10_000));
        Assert.Throws<SqliteException>(() => new SqliteFile(_folder["text.db"]).OpenToWrite());
        Assert.Equal(new string('x', 10_000), File.ReadAllText(_folder["text.db"]));
    }

    private static RecordKey Key(string name) => new("notify", $"test/{name}", "state");

    private static RecordWrite New(string name, byte data) => new(Key(name), null, new[] { data });

    private static async Task<object> Stored(SqliteRecords records, string name)
    {
        var record = (await records.Read(Key(name), default))!;
        return new { record.ETag, Data = (int)Assert.Single(record.Data) };
    }

    private SqliteRecords Open() => new(new SqliteFile(_folder["notify.db"]));
}
