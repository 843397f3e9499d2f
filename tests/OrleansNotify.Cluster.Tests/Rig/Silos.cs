using OrleansNotify.Testing;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>The server processes of a run.</summary>
public sealed class Silos : IAsyncDisposable
{
    private readonly BackEnd _backEnd;

    private Silos(BackEnd backEnd, IReadOnlyList<ServerProcess> all)
    {
        _backEnd = backEnd;
        All = all;
    }

    /// <summary>Every one, dead ones too.</summary>
    public IReadOnlyList<ServerProcess> All { get; }

    /// <summary>One of them.</summary>
    public ServerProcess this[int index] => All[index];

    /// <summary>Starts three and waits until each is ready and knows the others.</summary>
    public static async Task<Silos> StartAsync(BackEnd backEnd, IReadOnlyList<string> arguments, int count = 3)
    {
        string[] all = ["--Notify:Cluster:ClusterId", $"run-{Guid.NewGuid():N}", .. backEnd.Arguments, .. arguments];
        var first = await ServerProcess.StartAsync(arguments: all);
        List<ServerProcess> started = [first];
        try
        {
            var primary = backEnd is DevelopmentBackEnd ? $"127.0.0.1:{first.SiloPort}" : null;
            started.AddRange(await Task.WhenAll(Enumerable.Range(1, count - 1).Select(_ => ServerProcess.StartAsync(primary: primary, arguments: all))));
            var silos = new Silos(backEnd, started);
            foreach (var silo in started)
                await Until.Equal(count, $"silos that {silo.BaseAddress} knows", () => KnownTo(silo), TimeSpan.FromSeconds(30));
            return silos;
        }
        catch
        {
            foreach (var silo in started)
                await silo.DisposeAsync();
            throw;
        }
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

    /// <summary>The end of each silo's output.</summary>
    public IEnumerable<string> Logs(int lines) =>
        All.SelectMany((silo, i) => silo.Output.TakeLast(lines).Prepend($"-- silo {i}, pid {silo.Id}: the last of {silo.Output.Count} lines"));

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
            using var stats = System.Text.Json.JsonDocument.Parse(await silo.Http.GetByteArrayAsync(new Uri("api/stats", UriKind.Relative)));
            return stats.RootElement.GetProperty("silos").GetInt32();
        }
        catch (HttpRequestException)
        {
            return 0;
        }
    }
}
