using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Clustering.AzureStorage;
using Orleans.Configuration;
using Orleans.Messaging;
using OrleansNotify.AzureStorage.Clustering;

namespace Orleans.Hosting;

/// <summary>Membership of silos, and their clients' list of gateways, in an Azure table.</summary>
public static class AzureTableClusteringExtensions
{
    /// <summary>Silos find each other through an Azure table.</summary>
    public static ISiloBuilder UseAzureStorageClustering(this ISiloBuilder builder, Action<AzureStorageClusteringOptions> configureOptions) =>
        builder.UseAzureStorageClustering(options => options.Configure(configureOptions));

    /// <summary>Silos find each other through an Azure table.</summary>
    public static ISiloBuilder UseAzureStorageClustering(this ISiloBuilder builder, Action<OptionsBuilder<AzureStorageClusteringOptions>> configureOptions)
    {
        ArgumentNullException.ThrowIfNull(configureOptions);
        return builder.ConfigureServices(services =>
        {
            configureOptions(services.AddOptions<AzureStorageClusteringOptions>());
            services.TryAddSingleton(TimeProvider.System);
            services.AddTransient<IConfigurationValidator>(provider =>
                new AzureStorageClusteringOptionsValidator(provider.GetRequiredService<IOptions<AzureStorageClusteringOptions>>().Value, null));
            services.AddSingleton<IMembershipTable, AzureMembershipTable>();
            services.ConfigureFormatter<AzureStorageClusteringOptions>();
        });
    }

    /// <summary>The client finds gateways through the silos' Azure table.</summary>
    public static IClientBuilder UseAzureStorageClustering(this IClientBuilder builder, Action<AzureStorageGatewayOptions> configureOptions) =>
        builder.UseAzureStorageClustering(options => options.Configure(configureOptions));

    /// <summary>The client finds gateways through the silos' Azure table.</summary>
    public static IClientBuilder UseAzureStorageClustering(this IClientBuilder builder, Action<OptionsBuilder<AzureStorageGatewayOptions>> configureOptions)
    {
        ArgumentNullException.ThrowIfNull(configureOptions);
        return builder.ConfigureServices(services =>
        {
            configureOptions(services.AddOptions<AzureStorageGatewayOptions>());
            services.TryAddSingleton(TimeProvider.System);
            services.AddTransient<IConfigurationValidator>(provider =>
                new AzureStorageGatewayOptionsValidator(provider.GetRequiredService<IOptions<AzureStorageGatewayOptions>>().Value, null));
            services.AddSingleton<IGatewayListProvider, AzureGatewayList>();
            services.ConfigureFormatter<AzureStorageGatewayOptions>();
        });
    }
}
