using System.Text.Json;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Benchmarks;

public class LoadTests
{
    [Fact]
    public async Task A_tiny_run_measures_all_servers_writes_its_tables_and_ours_loses_nothing()
    {
        var folder = Directory.CreateTempSubdirectory("load-");
        try
        {
            await using var load = Start(
                "load", "--quick", "--seconds", "0.1", "--subscribers", "10", "--connections", "10", "--scenarios", "a100,amax,b,c1,c64,batch,d", "--out", folder.FullName);

            Assert.True(await load.Exited(TimeSpan.FromSeconds(120)) == 0, load.Tail());

            var results = (await File.ReadAllLinesAsync(Path.Combine(folder.FullName, "load.jsonl"))).Select(line => JsonSerializer.Deserialize<JsonElement>(line)).ToArray();
            string[] scenarios = ["a100", "amax", "b", "c1", "c64", "d"];
            string[] expected = ["ours batch", "ours batch", .. scenarios.SelectMany(scenario => (string[])[$"ours {scenario}", $"signalr {scenario}", $"kestrel {scenario}", $"upgrade {scenario}"])];
            Assert.Equal(
                expected.Order(StringComparer.Ordinal),
                results.Select(result => $"{result.GetProperty("Server").GetString()} {result.GetProperty("Scenario").GetString()}").Order(StringComparer.Ordinal));
            Assert.All(results, result => Assert.True(result.GetProperty("Seen").GetProperty("Published").GetInt64() > 0));
            Assert.All(results.Where(result => result.GetProperty("Server").GetString() == "ours"), result => Assert.True(result.GetProperty("Seen").GetProperty("IsClean").GetBoolean(), result.ToString()));
            var all = results.Select(result => result.GetProperty("Seen")).ToArray();
            Assert.Contains($"lost {all.Sum(seen => seen.GetProperty("Lost").GetInt64())}, duplicated ", await File.ReadAllTextAsync(Path.Combine(folder.FullName, "load.md")), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("There is no option --quik; --help lists them.", "--quik")]
    [InlineData("--rounds wants a value; --help says which.", "--rounds")]
    [InlineData("--rounds must be a whole number from 1 to 99, not 2.5.", "--rounds", "2.5")]
    [InlineData("--seconds must be a number from 0.1 to 60, not fast.", "--seconds", "fast")]
    [InlineData("--scenarios: there is no amin; there are a50, a100, amax, b, c1, c64, batch, d, curve, growth.", "--scenarios", "amax,amin")]
    [InlineData("--servers: there is no empty name; there are ours, signalr, kestrel, upgrade.", "--servers", "ours,")]
    public async Task A_wrong_option_is_refused_with_a_sentence(string sentence, params string[] arguments)
    {
        await using var load = Start(["load", .. arguments]);

        Assert.Equal(2, await load.Exited());
        Assert.Contains(sentence, load.Lines);
    }

    [Fact]
    public async Task What_it_started_ends_with_it()
    {
        await using var load = Start("load", "--scenarios", "amax", "--servers", "kestrel", "--seconds", "60");
        var peer = await Until.Value("the peer to run", () => Task.FromResult(ChildOf(load.Id)), child => child is not null);

        load.Signal(ChildProcess.SigTerm);

        Assert.Equal(130, await load.Exited());
        Assert.False(Directory.Exists($"/proc/{peer}"));
    }

    // proc(5): "pid (name) state ppid …"
    private static string? ChildOf(int parent) => Directory.GetDirectories("/proc").Select(Path.GetFileName).FirstOrDefault(name =>
    {
        try
        {
            return name!.All(char.IsAsciiDigit) && File.ReadAllText($"/proc/{name}/stat").Split(')')[^1].Split(' ')[2] == $"{parent}";
        }
        catch (IOException)
        {
            return false; // it ended meanwhile
        }
    });

    internal static ChildProcess Start(params string[] arguments)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)); // …/bin/Release/net10.0
        return ChildProcess.Start("dotnet", [Repository.PathOf("tests", "OrleansNotify.Benchmarks", "bin", output.Parent!.Name, output.Name, "OrleansNotify.Benchmarks.dll"), .. arguments]);
    }
}
