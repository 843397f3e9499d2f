using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
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

    protected override bool CleansUpAllButActive => false;

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
