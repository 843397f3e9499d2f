using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Storage;
using OrleansNotify.AzureStorage.Persistence;
using OrleansNotify.Testing.Conformance;
using StackExchange.Redis;

namespace OrleansNotify.AzureStorage.Tests.Persistence;

/// <summary>Opens storages of hosts that end with the test.</summary>
public abstract class OpenedStorage(Stores stores) : GrainStorageConformance, IDisposable
{
    private protected const string Name = "tested";
    private readonly List<IHost> _hosts = [];

    private protected Stores Stores => stores;

    public void Dispose()
    {
        _hosts.ForEach(host => host.Dispose());
        GC.SuppressFinalize(this);
    }

    private protected Task<IGrainStorage> Open(string serviceId, Action<ISiloBuilder> configure)
    {
        var host = Hosts.Silo(silo => configure(silo.UseLocalhostClustering(serviceId: serviceId)), service: serviceId); // never started
        _hosts.Add(host);
        return Hosts.Open(host, Name);
    }
}

public abstract class AzureTableConformance(Stores stores, bool text, bool delete) : OpenedStorage(stores)
{
    protected override int? MaxBytes => StateColumns.MaxBytes / (text ? 2 : 1);

    protected override async Task<IGrainStorage> Open(string serviceId)
    {
        var azurite = await Stores.Azurite();
        return await Open(serviceId, silo => silo.AddAzureTableGrainStorage(Name, options =>
        {
            options.ConfigureTableServiceClient(azurite.ConnectionString);
            options.StoragePolicyOptions.OperationTimeout = Hosts.Patience;
            (options.UseStringFormat, options.DeleteStateOnClear) = (text, delete);
        }));
    }
}

[Collection(StoresCollection.Name)]
public sealed class AzureTableBinaryTests(Stores stores) : AzureTableConformance(stores, text: false, delete: false);

[Collection(StoresCollection.Name)]
public sealed class AzureTableBinaryDeletingTests(Stores stores) : AzureTableConformance(stores, text: false, delete: true);

[Collection(StoresCollection.Name)]
public sealed class AzureTableTextTests(Stores stores) : AzureTableConformance(stores, text: true, delete: false);

[Collection(StoresCollection.Name)]
public sealed class AzureTableTextDeletingTests(Stores stores) : AzureTableConformance(stores, text: true, delete: true);

public abstract class AzureBlobConformance(Stores stores, bool delete) : OpenedStorage(stores)
{
    protected override async Task<IGrainStorage> Open(string serviceId)
    {
        var azurite = await Stores.Azurite();
        return await Open(serviceId, silo => silo.AddAzureBlobGrainStorage(Name, options =>
        {
            options.ConfigureBlobServiceClient(azurite.ConnectionString);
            options.StoragePolicyOptions.OperationTimeout = Hosts.Patience;
            options.DeleteStateOnClear = delete;
        }));
    }
}

[Collection(StoresCollection.Name)]
public sealed class AzureBlobTests(Stores stores) : AzureBlobConformance(stores, delete: false);

[Collection(StoresCollection.Name)]
public sealed class AzureBlobDeletingTests(Stores stores) : AzureBlobConformance(stores, delete: true);

public abstract class RedisConformance(Stores stores, bool delete) : OpenedStorage(stores)
{
    protected override async Task<IGrainStorage> Open(string serviceId)
    {
        var redis = await Stores.Redis();
        return await Open(serviceId, silo => silo.AddRedisGrainStorage(Name, options =>
        {
            options.ConfigurationOptions = ConfigurationOptions.Parse(redis.ConnectionString);
            options.DeleteStateOnClear = delete;
        }));
    }
}

[Collection(StoresCollection.Name)]
public sealed class RedisTests(Stores stores) : RedisConformance(stores, delete: false);

[Collection(StoresCollection.Name)]
public sealed class RedisDeletingTests(Stores stores) : RedisConformance(stores, delete: true);

/// <summary>Orleans' own memory storage: its states are in grains of a running silo, one for the class.</summary>
public sealed class MemoryTests(MemoryTests.RunningSilo silo) : GrainStorageConformance, IClassFixture<MemoryTests.RunningSilo>
{
    protected override bool SeparatesServices => false; // one silo, one service

    protected override bool OutlivesTheSilo => false;

    protected override bool RefusesETagOfNothing => false; // it takes such a write as the first

    protected override Task<IGrainStorage> Open(string serviceId) => silo.Open();

    public sealed class RunningSilo : IAsyncLifetime
    {
        private IHost? _host;

        public async Task InitializeAsync()
        {
            var (siloPort, gatewayPort) = (Testing.Ports.Free(), Testing.Ports.Free());
            _host = Hosts.Silo(host =>
            {
                host.UseLocalhostClustering(siloPort, gatewayPort);
                host.AddMemoryGrainStorage("memory");
            });
            await _host.StartAsync();
        }

        public async Task DisposeAsync()
        {
            await _host!.StopAsync();
            _host.Dispose();
        }

        public Task<IGrainStorage> Open() => Task.FromResult(_host!.Services.GetRequiredKeyedService<IGrainStorage>("memory"));
    }
}
