using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.TestingHost;
using OrleansNotify.AspNetCore;
using OrleansNotify.AspNetCore.Api;

namespace OrleansNotify.Testing;

/// <summary>Several silos in this process (Orleans TestingHost), each with a real Kestrel on a free port of 127.0.0.1. The first one holds the membership: never kill it.</summary>
public sealed class NotifyCluster : IAsyncDisposable
{
    private const string SetupKey = "NotifyClusterSetup";
    private static readonly ConcurrentDictionary<string, Action<string, IServiceCollection>> Setups = new();

    private readonly TestCluster _cluster;
    private readonly string _setup;
    private readonly List<NotifySilo> _silos = [];

    private NotifyCluster(TestCluster cluster, string setup) => (_cluster, _setup) = (cluster, setup);

    /// <summary>The silos, in the order they were started; stopped ones stay in the list.</summary>
    public IReadOnlyList<NotifySilo> Silos => _silos;

    /// <summary>An Orleans client outside the silos.</summary>
    public IClusterClient Client => (IClusterClient)_cluster.Client;

    /// <summary>Starts a cluster and waits until every front-end is ready.</summary>
    /// <param name="silos">How many.</param>
    /// <param name="settings">Configuration keys and values for every silo.</param>
    /// <param name="configure">Last word on the services of each silo; gets the silo's name.</param>
    public static async Task<NotifyCluster> StartAsync(int silos = 3, Dictionary<string, string?>? settings = null, Action<string, IServiceCollection>? configure = null)
    {
        var setup = Guid.NewGuid().ToString("N");
        Setups[setup] = configure ?? ((_, _) => { });
        var builder = new TestClusterBuilder((short)silos);
        builder.Properties[SetupKey] = setup;
        foreach (var (key, value) in settings ?? [])
            builder.Properties[key] = value!;
        builder.AddSiloBuilderConfigurator<SiloWithWeb>();
        var cluster = new NotifyCluster(builder.Build(), setup);
        await cluster._cluster.DeployAsync();
        foreach (var handle in cluster._cluster.Silos)
            await cluster.Add(handle);
        return cluster;
    }

    /// <summary>Starts one more silo.</summary>
    public async Task<NotifySilo> AddSiloAsync()
    {
        await Add(await _cluster.StartAdditionalSiloAsync());
        return _silos[^1];
    }

    /// <summary>Stops a silo as SIGTERM does.</summary>
    public async Task StopAsync(NotifySilo silo)
    {
        silo.IsUp = false;
        await _cluster.StopSiloAsync(silo.Handle);
    }

    /// <summary>Ends a silo without farewell to the cluster.</summary>
    public async Task KillAsync(NotifySilo silo)
    {
        silo.IsUp = false;
        await _cluster.KillSiloAsync(silo.Handle);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        foreach (var silo in _silos)
            silo.Http.Dispose();
        await _cluster.StopAllSilosAsync();
        await _cluster.DisposeAsync();
        Setups.TryRemove(_setup, out _);
    }

    private async Task Add(SiloHandle handle)
    {
        var silo = new NotifySilo((InProcessSiloHandle)handle);
        _silos.Add(silo);
        var readiness = silo.Services.GetRequiredService<IFrontEndReadiness>();
        await Until.True($"front-end {handle.Name} is ready", () => readiness.IsReady);
    }

    private sealed class SiloWithWeb : IHostConfigurator
    {
        public void Configure(IHostBuilder hostBuilder)
        {
            hostBuilder.UseOrleans((context, silo) => silo.AddOrleansNotify(context.Configuration));
            hostBuilder.ConfigureServices((context, services) =>
            {
                services.AddOrleansNotify(context.Configuration);
                services.AddSingleton<RecordedLog>();
                services.AddSingleton<ILoggerProvider>(s => s.GetRequiredService<RecordedLog>());
            });
            hostBuilder.ConfigureWebHost(web => web
                .UseKestrel()
                .UseUrls("http://127.0.0.1:0")
                .Configure(app =>
                {
                    app.UseRouting();
                    app.UseOrleansNotify();
                    app.UseEndpoints(endpoints => endpoints.MapOrleansNotify());
                }));
            hostBuilder.ConfigureServices((context, services) => Setups[context.Configuration[SetupKey]!](context.Configuration["Name"] ?? "", services));
        }
    }
}

/// <summary>One silo of a <see cref="NotifyCluster"/>.</summary>
public sealed class NotifySilo
{
    internal NotifySilo(InProcessSiloHandle handle)
    {
        Handle = handle;
        Http = new HttpClient { BaseAddress = new Uri(Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()) };
        WebSocket = new UriBuilder(Http.BaseAddress) { Scheme = "ws", Path = "/ws" }.Uri;
    }

    /// <summary>A client whose base address is this silo.</summary>
    public HttpClient Http { get; }

    /// <summary>Where to connect.</summary>
    public Uri WebSocket { get; }

    /// <summary>Its address in the cluster.</summary>
    public SiloAddress Address => Handle.SiloAddress;

    /// <summary>Its services.</summary>
    public IServiceProvider Services => Handle.SiloHost.Services;

    /// <summary>False once it was stopped or killed by the test.</summary>
    public bool IsUp { get; internal set; } = true;

    /// <summary>What it logged at Warning and above.</summary>
    public RecordedLog Log => Services.GetRequiredService<RecordedLog>();

    internal InProcessSiloHandle Handle { get; }
}
