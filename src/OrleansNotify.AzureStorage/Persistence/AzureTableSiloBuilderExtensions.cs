using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Providers;
using Orleans.Runtime.Hosting;
using Orleans.Storage;
using OrleansNotify.AzureStorage.Persistence;

namespace Orleans.Hosting;

/// <summary>Grain state in the rows of an Azure table.</summary>
public static class AzureTableSiloBuilderExtensions
{
    /// <summary>Keeps the state of grains that name no storage in an Azure table.</summary>
    public static ISiloBuilder AddAzureTableGrainStorageAsDefault(this ISiloBuilder builder, Action<AzureTableStorageOptions> configureOptions) =>
        builder.AddAzureTableGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configureOptions);

    /// <summary>Keeps the state of grains that name this storage in an Azure table.</summary>
    public static ISiloBuilder AddAzureTableGrainStorage(this ISiloBuilder builder, string name, Action<AzureTableStorageOptions> configureOptions) =>
        builder.ConfigureServices(services => services.AddAzureTableGrainStorage(name, configureOptions));

    /// <summary>Keeps the state of grains that name no storage in an Azure table.</summary>
    public static ISiloBuilder AddAzureTableGrainStorageAsDefault(this ISiloBuilder builder, Action<OptionsBuilder<AzureTableStorageOptions>>? configureOptions = null) =>
        builder.AddAzureTableGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configureOptions);

    /// <summary>Keeps the state of grains that name this storage in an Azure table.</summary>
    public static ISiloBuilder AddAzureTableGrainStorage(
        this ISiloBuilder builder, string name, Action<OptionsBuilder<AzureTableStorageOptions>>? configureOptions = null) =>
        builder.ConfigureServices(services => services.AddAzureTableGrainStorage(name, configureOptions));

    internal static IServiceCollection AddAzureTableGrainStorage(this IServiceCollection services, string name, Action<AzureTableStorageOptions> configureOptions) =>
        services.AddAzureTableGrainStorage(name, options => options.Configure(configureOptions));

    internal static IServiceCollection AddAzureTableGrainStorage(
        this IServiceCollection services, string name, Action<OptionsBuilder<AzureTableStorageOptions>>? configureOptions = null)
    {
        configureOptions?.Invoke(services.AddOptions<AzureTableStorageOptions>(name));
        services.TryAddSingleton(TimeProvider.System);
        services.AddTransient<IConfigurationValidator>(provider =>
            new AzureTableGrainStorageOptionsValidator(provider.GetRequiredService<IOptionsMonitor<AzureTableStorageOptions>>().Get(name), name));
        services.AddTransient<IPostConfigureOptions<AzureTableStorageOptions>, DefaultStorageProviderSerializerOptionsConfigurator<AzureTableStorageOptions>>();
        services.ConfigureNamedOptionForLogging<AzureTableStorageOptions>(name);
        return services.AddGrainStorage(name, (provider, key) =>
            ActivatorUtilities.CreateInstance<AzureTableGrainStorage>(provider, key, provider.GetRequiredService<IOptionsMonitor<AzureTableStorageOptions>>().Get(key)));
    }
}
