using System.Globalization;
using OrleansNotify.Sqlite;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Sqlite;

public sealed class KillTests
{
    [Fact]
    public async Task What_was_acknowledged_before_a_kill_is_there_after_it()
    {
        using var folder = new TemporaryFolder();
        for (var round = 0; round < 3; round++)
        {
            var path = folder[$"{round}.db"];
            await using var process = ChildProcess.Start("dotnet", [typeof(KillTests).Assembly.Location, KilledWriter.Verb, path]);
            await Until.True("every writer has ten acknowledgements", () => process.HasExited ? throw new InvalidOperationException(process.Tail()) : Acknowledged(process.Lines).All(count => count >= 10), TimeSpan.FromSeconds(60));
            process.Signal(ChildProcess.SigKill);
            Assert.Equal(128 + ChildProcess.SigKill, await process.Exited(TimeSpan.FromSeconds(30)));
            var acknowledged = Acknowledged(process.Lines);

            await using var records = new SqliteRecords(new SqliteFile(path));
            for (var writer = 0; writer < KilledWriter.Writers; writer++)
            {
                var stored = BitConverter.ToInt32((await records.Read(KilledWriter.Key(writer), default))!.Data);
                // One more may have been committed and not told any more.
                Assert.InRange(stored, acknowledged[writer], acknowledged[writer] + 1);
            }
            using var connection = new SqliteFile(path).OpenToRead();
            using var check = connection.Prepared("PRAGMA integrity_check");
            Assert.Equal("ok", check.ExecuteScalar());
        }
    }

    private static int[] Acknowledged(IReadOnlyList<string> lines)
    {
        var counts = new int[KilledWriter.Writers];
        foreach (var line in lines)
        {
            if (line.Split(' ') is ["acknowledged", var writer, var count] && int.TryParse(count, CultureInfo.InvariantCulture, out var number))
                counts[int.Parse(writer, CultureInfo.InvariantCulture)] = number;
        }
        return counts;
    }
}
