using Microsoft.Extensions.Configuration;
using Orleans.Clustering.AzureStorage;
using Orleans.Providers;
using OrleansNotify.AzureStorage.Clustering;

[assembly: RegisterProvider("AzureTableStorage", "Clustering", "Silo", typeof(AzureTableStorageClusteringProviderBuilder))]
[assembly: RegisterProvider("AzureTableStorage", "Clustering", "Client", typeof(AzureTableStorageClusteringProviderBuilder))]

namespace OrleansNotify.AzureStorage.Clustering;

/// <summary>Orleans:Clustering:ProviderType = AzureTableStorage.</summary>
internal sealed class AzureTableStorageClusteringProviderBuilder : IProviderBuilder<ISiloBuilder>, IProviderBuilder<IClientBuilder>
{
    public void Configure(ISiloBuilder builder, string? name, IConfigurationSection configurationSection) =>
        builder.UseAzureStorageClustering(options =>
            options.Configure<IServiceProvider>((silo, services) => Apply(silo, configurationSection, services)));

    public void Configure(IClientBuilder builder, string? name, IConfigurationSection configurationSection) =>
        builder.UseAzureStorageClustering(options =>
            options.Configure<IServiceProvider>((client, services) => Apply(client, configurationSection, services)));

    private static void Apply(AzureStorageOperationOptions options, IConfigurationSection section, IServiceProvider services)
    {
        if (section["TableName"] is { Length: > 0 } table)
            options.TableName = table;
        section.GetSection("StoragePolicyOptions").Bind(options.StoragePolicyOptions);
        ConfiguredClient.ApplyTable(options, section, services);
    }
}
