using System.Text.Json;
using OrleansNotify.Testing;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>The server processes of a run.</summary>
public sealed class Silos : IAsyncDisposable
{
    private Silos(IReadOnlyList<ServerProcess> all) => All = all;

    /// <summary>Every one, dead ones too.</summary>
    public IReadOnlyList<ServerProcess> All { get; }

    /// <summary>One of them.</summary>
    public ServerProcess this[int index] => All[index];

    /// <summary>Starts one silo at each place and waits until each is ready and knows the others.</summary>
    public static async Task<Silos> StartAsync(BackEnd backEnd, IReadOnlyList<string> arguments, IReadOnlyList<ServerPlace> places)
    {
        string[] all = ["--Notify:Cluster:ClusterId", $"run-{Guid.NewGuid():N}", .. backEnd.Arguments, .. arguments];
        var starting = places.Select(place => ServerProcess.StartAsync(place, null, null,
            [.. all, "--Notify:Cluster:AdvertisedAddress", place.Address, .. place.Address == ServerPlace.Here.Address ? (string[])[] : ["--insecure"]])).ToArray();
        try
        {
            var silos = new Silos(await Task.WhenAll(starting));
            await silos.AllKnowAll();
            return silos;
        }
        catch
        {
            await Task.WhenAll(starting).ContinueWith(_ => { }, TaskScheduler.Default); // none may be left behind, however late it came up
            foreach (var start in starting.Where(start => start.IsCompletedSuccessfully))
                await (await start).DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits until each has the same number of silos in its cluster.</summary>
    public async Task AllKnowAll()
    {
        foreach (var silo in All)
            await Until.Equal(All.Count, $"silos that {silo.BaseAddress} knows", () => KnownTo(silo), TimeSpan.FromSeconds(60));
    }

    /// <summary>Waits until a silo that the others have declared dead has heard of it and ended: until then it would go on serving an old view.</summary>
    public Task HasStoppedItself(int silo) =>
        All[silo].Line("that it was told it is dead", line => line.Contains("I have been told I am dead", StringComparison.Ordinal), TimeSpan.FromSeconds(60));

    /// <summary>Brings a channel to life, through one of the silos.</summary>
    public Task Touch(int silo, string channel) => All[silo].Http.GetStringAsync(new Uri($"api/channels/{Uri.EscapeDataString(channel)}", UriKind.Relative));

    /// <summary>The name of the silo a channel lives on.</summary>
    public async Task<string> HostOf(string channel)
    {
        using var list = JsonDocument.Parse(
            await (await AnyReady()).GetByteArrayAsync(new Uri($"api/channels?pattern={Uri.EscapeDataString(channel)}", UriKind.Relative)));
        return list.RootElement.GetProperty("channels").EnumerateArray().Single().GetProperty("silo").GetString()!;
    }

    /// <summary>A client of a silo that is ready.</summary>
    public async Task<HttpClient> AnyReady()
    {
        HttpClient? ready = null;
        await Until.True("a silo that is ready", async () =>
        {
            foreach (var silo in All)
            {
                if (await IsReady(silo))
                    ready = silo.Http;
            }

            return ready is not null;
        }, TimeSpan.FromSeconds(60));
        return ready!;
    }

    /// <summary>Whether it answers that it is ready.</summary>
    public static async Task<bool> IsReady(ServerProcess silo)
    {
        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
            using var reply = await silo.Http.GetAsync(new Uri("health/ready", UriKind.Relative), patience.Token);
            return reply.IsSuccessStatusCode;
        }
        catch (Exception notNow) when (notNow is HttpRequestException or TaskCanceledException)
        {
            return false;
        }
    }

    /// <summary>Writes each silo's output to a file in <paramref name="folder"/>, and returns the files' names and what each printed last.</summary>
    public IEnumerable<string> Logs(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var (i, silo) in All.Index())
        {
            var file = Path.Combine(folder, $"silo-{i}-{silo.Id}.log");
            File.WriteAllLines(file, silo.Output);
            yield return $"-- silo {i}, pid {silo.Id}, all of it in {file}; the last lines:";
            foreach (var line in silo.Output.TakeLast(15))
                yield return line.Length > 300 ? line[..300] : line;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var silo in All)
            await silo.DisposeAsync();
    }

    private static async Task<int> KnownTo(ServerProcess silo)
    {
        try
        {
            using var stats = JsonDocument.Parse(await silo.Http.GetByteArrayAsync(new Uri("api/stats", UriKind.Relative)));
            return stats.RootElement.GetProperty("silos").GetInt32();
        }
        catch (HttpRequestException)
        {
            return 0;
        }
    }
}
