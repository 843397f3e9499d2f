using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Storage;
using OrleansNotify.Testing;
using OrleansNotify.Testing.Conformance;

namespace OrleansNotify.AzureStorage.Tests;

/// <summary>Silos and clients: built only, to take a provider out, or started.</summary>
internal static class Hosts
{
    /// <summary>Long enough for a machine that is busy with other things; tests of the limit itself set their own.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>A silo that is not started.</summary>
    public static IHost Silo(Action<ISiloBuilder> configure, string cluster = "test", string service = "test", Dictionary<string, string?>? settings = null)
    {
        var builder = New(settings);
        builder.UseOrleans(silo =>
        {
            silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (cluster, service));
            silo.Configure<EndpointOptions>(options =>
            {
                options.AdvertisedIPAddress = System.Net.IPAddress.Loopback;
                options.SiloPort = Ports.Free();
                options.GatewayPort = Ports.Free();
            });
            configure(silo);
        });
        return builder.Build();
    }

    /// <summary>A client that is not started.</summary>
    public static IHost Client(Action<IClientBuilder> configure, string cluster = "test", string service = "test", Dictionary<string, string?>? settings = null)
    {
        var builder = New(settings);
        builder.UseOrleansClient(client =>
        {
            client.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (cluster, service));
            configure(client);
        });
        return builder.Build();
    }

    /// <summary>A grain storage, opened as a silo's start does.</summary>
    public static Task<IGrainStorage> Open(IHost host, string name) =>
        StorageLifecycle.Open(host.Services.GetRequiredKeyedService<IGrainStorage>(name));

    private static HostApplicationBuilder New(Dictionary<string, string?>? settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings ?? []);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        return builder;
    }
}
