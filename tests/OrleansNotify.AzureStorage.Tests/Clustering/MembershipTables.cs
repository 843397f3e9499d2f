using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Messaging;
using OrleansNotify.Testing.Conformance;
using StackExchange.Redis;

namespace OrleansNotify.AzureStorage.Tests.Clustering;

[Collection(StoresCollection.Name)]
public sealed class AzureMembershipTableTests(Stores stores) : MembershipTableConformance, IDisposable
{
    private readonly List<IHost> _hosts = [];

    public void Dispose() => _hosts.ForEach(host => host.Dispose());

    protected override async Task<IMembershipTable> Open(string clusterId)
    {
        var azurite = await stores.Azurite();
        var host = Hosts.Silo(silo => silo.UseAzureStorageClustering(options =>
        {
            options.ConfigureTableServiceClient(azurite.ConnectionString);
            options.StoragePolicyOptions.OperationTimeout = Hosts.Patience;
        }), clusterId);
        _hosts.Add(host);
        var table = host.Services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTableAsync(tryInitTableVersion: true);
        return table;
    }

    protected override async Task<IGatewayListProvider?> OpenGateways(string clusterId)
    {
        var azurite = await stores.Azurite();
        var host = Hosts.Client(client => client.UseAzureStorageClustering(options =>
        {
            options.ConfigureTableServiceClient(azurite.ConnectionString);
            options.StoragePolicyOptions.OperationTimeout = Hosts.Patience;
        }), clusterId);
        _hosts.Add(host);
        var gateways = host.Services.GetRequiredService<IGatewayListProvider>();
        await gateways.InitializeGatewayListProviderAsync();
        return gateways;
    }
}

[Collection(StoresCollection.Name)]
public sealed class RedisMembershipTableTests(Stores stores) : MembershipTableConformance, IDisposable
{
    private readonly List<IHost> _hosts = [];

    protected override bool ChecksRowETags => false;

    public void Dispose() => _hosts.ForEach(host => host.Dispose());

    protected override async Task<IMembershipTable> Open(string clusterId)
    {
        var redis = await stores.Redis();
        var host = Hosts.Silo(
            silo => silo.UseRedisClustering(options => options.ConfigurationOptions = ConfigurationOptions.Parse(redis.ConnectionString)), clusterId);
        _hosts.Add(host);
        var table = host.Services.GetRequiredService<IMembershipTable>();
        await table.InitializeMembershipTableAsync(tryInitTableVersion: true);
        return table;
    }

    protected override async Task<IGatewayListProvider?> OpenGateways(string clusterId)
    {
        var redis = await stores.Redis();
        var host = Hosts.Client(
            client => client.UseRedisClustering(options => options.ConfigurationOptions = ConfigurationOptions.Parse(redis.ConnectionString)), clusterId);
        _hosts.Add(host);
        var gateways = host.Services.GetRequiredService<IGatewayListProvider>();
        await gateways.InitializeGatewayListProviderAsync();
        return gateways;
    }
}

/// <summary>Orleans' own table for development, which lives in a silo's memory. That silo must be running; it is taken out of its table first.</summary>
public sealed class MemoryMembershipTableTests : MembershipTableConformance, IAsyncLifetime
{
    private IHost? _host;

    protected override bool HoldsSeveralClusters => false;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_host is null)
            return;
        using var atOnce = new CancellationTokenSource();
        await atOnce.CancelAsync(); // it no longer finds itself in its table, and has nothing to hand over
        await _host.StopAsync(atOnce.Token);
        _host.Dispose();
    }

    protected override async Task<IMembershipTable> Open(string clusterId)
    {
        var (siloPort, gatewayPort) = (Testing.Ports.Free(), Testing.Ports.Free());
        _host = Hosts.Silo(
            silo => silo
                .UseLocalhostClustering(siloPort, gatewayPort, serviceId: clusterId, clusterId: clusterId)
                .Configure<ClusterMembershipOptions>(options => options.TableRefreshTimeout = options.IAmAliveTablePublishTimeout = TimeSpan.FromHours(1)),
            clusterId);
        await _host.StartAsync();
        var table = _host.Services.GetRequiredService<IMembershipTable>();
        await table.DeleteMembershipTableEntriesAsync(clusterId);
        return table;
    }
}
