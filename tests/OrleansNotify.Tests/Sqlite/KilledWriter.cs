using System.Globalization;
using OrleansNotify.Sqlite;

namespace OrleansNotify.Tests.Sqlite;

/// <summary>The other half of <see cref="KillTests"/>, in a process that will be killed: counters that are written one after the other, each told when it is acknowledged.</summary>
internal static class KilledWriter
{
    /// <summary>First argument of the process.</summary>
    public const string Verb = "write-until-killed";

    public const int Writers = 16;

    public static RecordKey Key(int writer) => new("notify", $"counter/{writer.ToString(CultureInfo.InvariantCulture)}", "state");

    public static async Task Run(string path)
    {
        var records = new SqliteRecords(new SqliteFile(path));
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async writer =>
        {
            string? etag = null;
            for (var count = 1; ; count++)
            {
                var write = new RecordWrite(Key(writer), etag, BitConverter.GetBytes(count));
                if (!await records.Write(write, default))
                    throw new InvalidOperationException($"Writer {writer} was overtaken, though it is alone.");
                etag = write.ETag;
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"acknowledged {writer} {count}"));
            }
        }));
    }
}
