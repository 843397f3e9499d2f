using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Providers;
using Orleans.Storage;
using OrleansNotify.AzureStorage.Persistence;

[assembly: RegisterProvider("AzureTableStorage", "GrainStorage", "Silo", typeof(AzureTableStorageGrainStorageProviderBuilder))]
[assembly: RegisterProvider("AzureBlobStorage", "GrainStorage", "Silo", typeof(AzureBlobStorageGrainStorageProviderBuilder))]

namespace OrleansNotify.AzureStorage.Persistence;

/// <summary>Orleans:GrainStorage:NAME:ProviderType = AzureTableStorage.</summary>
internal sealed class AzureTableStorageGrainStorageProviderBuilder : IProviderBuilder<ISiloBuilder>
{
    public void Configure(ISiloBuilder builder, string? name, IConfigurationSection configurationSection) =>
        builder.AddAzureTableGrainStorage(name!, builder => builder.Configure<IServiceProvider>((options, services) =>
        {
            if (configurationSection["TableName"] is { Length: > 0 } table)
                options.TableName = table;
            options.DeleteStateOnClear = configurationSection.GetValue(nameof(options.DeleteStateOnClear), options.DeleteStateOnClear);
            options.UseStringFormat = configurationSection.GetValue(nameof(options.UseStringFormat), options.UseStringFormat);
            options.KeyFormat = configurationSection.GetValue(nameof(options.KeyFormat), options.KeyFormat);
            configurationSection.GetSection(nameof(options.StoragePolicyOptions)).Bind(options.StoragePolicyOptions);
            ConfiguredClient.ApplyTable(options, configurationSection, services);
            if (configurationSection["SerializerKey"] is { Length: > 0 } key)
                options.GrainStorageSerializer = services.GetRequiredKeyedService<IGrainStorageSerializer>(key);
        }));
}

/// <summary>Orleans:GrainStorage:NAME:ProviderType = AzureBlobStorage.</summary>
internal sealed class AzureBlobStorageGrainStorageProviderBuilder : IProviderBuilder<ISiloBuilder>
{
    public void Configure(ISiloBuilder builder, string? name, IConfigurationSection configurationSection) =>
        builder.AddAzureBlobGrainStorage(name!, builder => builder.Configure<IServiceProvider>((options, services) =>
        {
            if (configurationSection["ContainerName"] is { Length: > 0 } container)
                options.ContainerName = container;
            options.DeleteStateOnClear = configurationSection.GetValue(nameof(options.DeleteStateOnClear), options.DeleteStateOnClear);
            options.KeyFormat = configurationSection.GetValue(nameof(options.KeyFormat), options.KeyFormat);
            configurationSection.GetSection(nameof(options.StoragePolicyOptions)).Bind(options.StoragePolicyOptions);
            ConfiguredClient.ApplyBlob(options, configurationSection, services);
            if (configurationSection["SerializerKey"] is { Length: > 0 } key)
                options.GrainStorageSerializer = services.GetRequiredKeyedService<IGrainStorageSerializer>(key);
        }));
}
