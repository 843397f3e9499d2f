using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using OrleansNotify.Sqlite;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>
/// Which embedded store: acknowledged writes a second, each a compare-and-swap that a flush of the disk has carried. Rounds interleaved, each in a fresh folder.
/// Writes <c>results/embedded-store.md</c>.
/// </summary>
internal static class EmbeddedMeasurement
{
    private static readonly TimeSpan Warmth = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Measured = TimeSpan.FromSeconds(2);

    private static readonly Func<string, EmbeddedContender>[] Contenders =
        [f => new SqliteContender(f), f => new SingleSqliteContender(f), f => new RocksContender(f)];

    private static readonly (int Writers, int Bytes)[] Loads = [(1, 256), (64, 256), (1, 32 << 10), (64, 32 << 10)];

    /// <summary>Runs the verb.</summary>
    /// <param name="arguments">How many rounds (default 5), and the folder to write in (default: the working directory, for its disk).</param>
    public static async Task RunAsync(string[] arguments)
    {
        var rounds = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : 5;
        var root = arguments.Length > 1 ? arguments[1] : Directory.GetCurrentDirectory();
        var rates = new Dictionary<(string Store, int Writers, int Bytes), List<double>>();
        var sizes = new Dictionary<string, double>();
        var shared = new Dictionary<string, bool>();
        for (var round = 0; round < rounds; round++)
        {
            foreach (var (writers, bytes) in Loads)
            {
                foreach (var open in Contenders)
                {
                    var folder = Directory.CreateDirectory(Path.Combine(root, $"embedded-{Guid.NewGuid():N}")).FullName;
                    try
                    {
                        await using var store = open(folder);
                        var rate = await Rate(store, writers, bytes);
                        if (!rates.TryGetValue((store.Name, writers, bytes), out var list))
                            rates[(store.Name, writers, bytes)] = list = [];
                        list.Add(rate);
                        shared[store.Name] = store.Shared;
                        if (writers == 64 && bytes > 256)
                            sizes[store.Name] = EmbeddedContender.SizeOf(folder) / 1048576.0;
                        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"round {round + 1}: {store.Name}, {writers} writers, {bytes} B: {rate:F0}/s"));
                    }
                    finally
                    {
                        Directory.Delete(folder, recursive: true);
                    }
                }
            }
        }
        await Results.WriteAsync("embedded-store.md", Table(rates, sizes, shared, rounds));
    }

    private static async Task<double> Rate(EmbeddedContender store, int writers, int bytes)
    {
        var data = new byte[bytes];
        Random.Shared.NextBytes(data);
        var began = TimeProvider.System.GetTimestamp();
        var acknowledged = await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
        {
            string? etag = null;
            var counted = 0;
            while (TimeProvider.System.GetElapsedTime(began) is var elapsed && elapsed < Warmth + Measured)
            {
                var write = new RecordWrite(new RecordKey("notify", $"channel/{writer}", "tail"), etag, data);
                if (!await store.Write(write))
                    throw new InvalidOperationException($"{store.Name}: a writer that is alone was overtaken.");
                etag = write.ETag;
                var ended = TimeProvider.System.GetElapsedTime(began);
                if (elapsed >= Warmth && ended <= Warmth + Measured)
                    counted++;
            }
            return counted;
        })));
        return acknowledged.Sum() / Measured.TotalSeconds;
    }

    private static string Table(Dictionary<(string Store, int Writers, int Bytes), List<double>> rates, Dictionary<string, double> sizes, Dictionary<string, bool> shared, int rounds)
    {
        var table = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"""
            # Embedded store

            Which store in one file keeps durable channels on one machine without a server: acknowledged writes a second, each a compare-and-swap on a record's ETag that a flush of the
            disk has carried. Median of {rounds} rounds (min–max), rounds interleaved, {Measured.TotalSeconds} s measured after {Warmth.TotalSeconds} s of warm-up, each in a fresh folder; {Environment.ProcessorCount} cores,
            {RuntimeInformation.FrameworkDescription}. One record per writer, as one tail per channel. Trust the ratios; a virtual disk's flush may end in its host's cache.
            To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- embedded`.


            """));
        table.Append("| store | ").AppendJoin(" | ", Loads.Select(load => $"{load.Writers} writer{(load.Writers == 1 ? "" : "s")}, {(load.Bytes < 1024 ? $"{load.Bytes} B" : $"{load.Bytes >> 10} KiB")}"))
            .Append(" | MiB on disk for 2 MiB of states | several processes |\n|---|").Append(string.Concat(Loads.Select(_ => "---|"))).Append("---|---|\n");
        foreach (var store in shared.Keys)
        {
            table.Append(CultureInfo.InvariantCulture, $"| {store} | ")
                .AppendJoin(" | ", Loads.Select(load => Spread(rates[(store, load.Writers, load.Bytes)])))
                .Append(CultureInfo.InvariantCulture, $" | {sizes[store]:F1} | {(shared[store] ? "yes" : "no")} |\n");
        }
        return table.Append("""

            **Chosen: SQLite.** Alone as fast as RocksDB, faster with 64 writers, a fraction of the disk, and several processes may have the file open, which RocksDB forbids: silos on one
            machine share it. A commit in groups serves 64 writers with many times the acknowledgements of a commit per record; alone it costs a change of thread. LMDB (LightningDB
            0.23.1) was dropped before measuring: its native library wants glibc 2.38, which Debian 12 does not have.

            """).ToString();
    }

    private static string Spread(List<double> rates)
    {
        rates.Sort();
        return string.Create(CultureInfo.InvariantCulture, $"{rates[rates.Count / 2]:F0} ({rates[0]:F0}–{rates[^1]:F0})");
    }
}
