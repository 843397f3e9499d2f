using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Storage;
using OrleansNotify.Sqlite;
using OrleansNotify.Testing.Conformance;

namespace OrleansNotify.Tests.Sqlite;

/// <summary>What grains rely on, run alike for every storage.</summary>
public sealed class SqliteGrainStorageTests : GrainStorageConformance, IDisposable
{
    private const string Name = "tested";
    private readonly TemporaryFolder _folder = new();
    private readonly List<IHost> _hosts = [];

    public void Dispose()
    {
        _hosts.ForEach(host => host.Dispose());
        _folder.Dispose();
    }

    protected override Task<IGrainStorage> Open(string serviceId)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleans(silo => silo
            .UseLocalhostClustering(1, 0)
            .Configure<ClusterOptions>(ids => ids.ServiceId = serviceId)
            .AddSqliteGrainStorage(Name, sqlite => sqlite.Path = _folder["notify.db"]));
        var host = builder.Build();
        _hosts.Add(host);
        return StorageLifecycle.Open(host.Services.GetRequiredKeyedService<IGrainStorage>(Name));
    }
}
