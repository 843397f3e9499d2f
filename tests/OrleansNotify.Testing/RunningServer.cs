using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Testing;

/// <summary>The whole server in this process, on free ports of 127.0.0.1: as <c>dotnet run</c> starts it, but for the ports.</summary>
public sealed class RunningServer : IAsyncDisposable
{
    private const string Store = "Notify:Storage:Path";

    private readonly WebApplication _app;
    private readonly DirectoryInfo _folder;

    private RunningServer(WebApplication app, RecordedLog log, DirectoryInfo folder)
    {
        (_app, _folder) = (app, folder);
        Log = log;
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.First()) };
        WebSocket = new UriBuilder(Http.BaseAddress) { Scheme = "ws", Path = "/ws" }.Uri;
    }

    /// <summary>A client whose base address is the server.</summary>
    public HttpClient Http { get; }

    /// <summary>Where to connect.</summary>
    public Uri WebSocket { get; }

    /// <summary>What was logged at Warning and above.</summary>
    public RecordedLog Log { get; }

    /// <summary>The server's services.</summary>
    public IServiceProvider Services => _app.Services;

    /// <summary>Starts a server and waits until it is ready.</summary>
    /// <param name="settings">Configuration keys and values, such as <c>Notify:Limits:OutboxBytes</c>.</param>
    /// <param name="configure">Last word on services.</param>
    public static async Task<RunningServer> StartAsync(Dictionary<string, string?>? settings = null, Action<IServiceCollection>? configure = null)
    {
        var log = new RecordedLog();
        var folder = Directory.CreateTempSubdirectory("notify-");
        var app = NotifyServer.Build([], builder =>
        {
            builder.Logging.ClearProviders().AddProvider(log);
            // By default all would have one file in the working directory: what one test revokes would be revoked for the others, and in the next run.
            if (settings?.ContainsKey(Store) != true)
                builder.Configuration.AddInMemoryCollection([new(Store, Path.Combine(folder.FullName, "notify.db"))]);
            builder.Configuration.AddInMemoryCollection([new("Notify:WarmUp:Requests", "0")]); // nobody measures it
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(settings ?? [])
            {
                ["urls"] = "http://127.0.0.1:0",
                ["Notify:Cluster:SiloPort"] = $"{Ports.Free()}",
                ["Notify:Cluster:GatewayPort"] = $"{Ports.Free()}",
            });
            configure?.Invoke(builder.Services);
        });
        await NotifyServer.StartAsync(app);
        var server = new RunningServer(app, log, folder);
        var readiness = app.Services.GetRequiredService<IFrontEndReadiness>();
        await Until.True("the front-end is ready", () => readiness.IsReady);
        return server;
    }

    /// <summary>Stops the server as Ctrl-C does.</summary>
    public Task StopAsync() => _app.StopAsync();

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
