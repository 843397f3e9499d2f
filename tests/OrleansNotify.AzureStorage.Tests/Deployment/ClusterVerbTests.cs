using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using OrleansNotify.Testing;

namespace OrleansNotify.AzureStorage.Tests.Deployment;

/// <summary>The <c>cluster</c> verb as people use it: a process that starts others, prints where they are, and ends with all of them.</summary>
public sealed partial class ClusterVerbTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("cluster-").FullName;

    [Theory(Timeout = 170_000)]
    [InlineData("azurite")] // the default
    [InlineData("redis", "--store", "redis")]
    public async Task Three_silos_and_their_store_are_where_the_table_says_and_end_with_the_verb(string store, params string[] arguments)
    {
        if (store == "azurite")
            await AzuriteInstallation.EnsureAsync(); // the verb would do it as well, beside other tests that are at it
        var first = Ports.FreeInARow(3);
        await using var verb = Start(["--silos", "3", "--port", $"{first}", "--folder", _folder, .. arguments]);
        await verb.Line("what stands below its table", line => line.StartsWith("Publish on any", StringComparison.Ordinal), TimeSpan.FromSeconds(100));
        var table = verb.Lines.Select(line => Row().Match(line)).Where(row => row.Success)
            .Select(row => new Entry(row.Groups[1].Value, row.Groups[2].Value, int.Parse(row.Groups[3].Value, CultureInfo.InvariantCulture), row.Groups[4].Value)).ToList();

        Assert.Equal(["silo 1", "silo 2", "silo 3", store], table.Select(row => row.Name));
        Assert.Equal(Enumerable.Range(first, 3).Select(port => $"http://localhost:{port}"), table.Take(3).Select(row => row.Address));
        Assert.All(table.Take(3), row => Assert.True(Contains(row.Log, "OrleansNotify is ready: "), $"{row.Log} does not say that {row.Name} is ready."));
        Assert.All(table, row => Assert.True(IsRunning(row.Process), $"There is no process {row.Process} of {row.Name}."));
        Assert.Equal(4, table.Select(row => row.Process).Distinct().Count());
        Assert.True(new FileInfo(table[3].Log).Length > 0);
        foreach (var silo in table.Take(3))
        {
            using var http = new HttpClient { BaseAddress = new Uri(silo.Address), Timeout = Until.DefaultTimeout };
            using var ready = await http.GetAsync(new Uri("health/ready", UriKind.Relative));
            Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        }

        await ReachesTheThird(table);

        verb.Signal(ChildProcess.SigTerm);
        Assert.Equal(0, await verb.Exited(TimeSpan.FromSeconds(40))); // silos that end together write the same membership row, and Orleans waits seconds between two attempts
        Assert.DoesNotContain(table, row => IsRunning(row.Process));
        foreach (var row in table)
            Assert.False(await Listens(row.Address), $"Somebody still listens on {row.Address}.");
    }

    [Theory(Timeout = 60_000)]
    [InlineData("--silos takes a number from 1 to 16, not '0'.", "--silos", "0")]
    [InlineData("--silos takes a number from 1 to 16, not '17'.", "--silos", "17")]
    [InlineData("--silos takes a number from 1 to 16, not 'x'.", "--silos", "x")]
    [InlineData("--silos needs a value.", "--silos")]
    [InlineData("--store takes azurite or redis, not 'disk'.", "--store", "disk")]
    [InlineData("--Notify:Cluster:ServiceId needs a value.", "--Notify:Cluster:ServiceId")]
    [InlineData("cluster does not know '--sillos': it takes --silos, --store, --port and --folder, and for the silos --insecure and settings (--Notify:… value).", "--sillos", "3")]
    [InlineData("cluster does not know '3': it takes --silos, --store, --port and --folder, and for the silos --insecure and settings (--Notify:… value).", "3")]
    public async Task What_it_cannot_do_is_one_sentence_and_starts_nothing(string sentence, params string[] arguments)
    {
        var unused = Path.Combine(_folder, "unused");
        await using var verb = Start(["--port", $"{Ports.FreeInARow(3)}", "--folder", unused, .. arguments]);

        Assert.Equal(1, await verb.Exited(TimeSpan.FromSeconds(30)));
        Assert.Equal([sentence], verb.Lines);
        Assert.False(Directory.Exists(unused));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task ReachesTheThird(List<Entry> table)
    {
        await using var client = await WsClient.ConnectAsync(new UriBuilder(table[2].Address) { Scheme = "ws", Path = "/ws" }.Uri);
        await client.Subscribe("local");
        using var http = new HttpClient { BaseAddress = new Uri(table[0].Address), Timeout = Until.DefaultTimeout };
        using var reply = await http.PostAsJsonAsync("api/events", new { channel = "local", data = new { n = 1 } });
        Assert.Equal(HttpStatusCode.Accepted, reply.StatusCode);
        var heard = Assert.Single(await client.TakeEvents(1, "local", TimeSpan.FromSeconds(30)));
        Assert.Equal(1, heard.Data.GetProperty("n").GetInt32());
    }

    private static ChildProcess Start(string[] arguments) => ChildProcess.Start("dotnet", [Repository.Built("OrleansNotify.Server"), "cluster", .. arguments]);

    // Shared with the verb, which still writes.
    private static bool Contains(string log, string text)
    {
        using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return reader.ReadToEnd().Contains(text, StringComparison.Ordinal);
    }

    private static bool IsRunning(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static async Task<bool> Listens(string address)
    {
        var port = int.Parse(address[(address.LastIndexOf(':') + 1)..], CultureInfo.InvariantCulture);
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^  (silo \d+|\w+) +(\S+:\d+) +(\d+) +(\S.*)$")]
    private static partial Regex Row();

    private sealed record Entry(string Name, string Address, int Process, string Log);
}
