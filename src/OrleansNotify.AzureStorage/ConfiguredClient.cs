using Azure.Core;
using Azure.Data.Tables;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;

namespace OrleansNotify.AzureStorage;

/// <summary>Where a provider's configuration section says its store is.</summary>
internal static class ConfiguredClient
{
    /// <summary>Gives table options their client.</summary>
    public static void ApplyTable(TableServiceOptions options, IConfigurationSection section, IServiceProvider services) => Apply<TableServiceClient>(
        section,
        services,
        ready => options.TableServiceClient = ready,
        connectionString =>
        {
            _ = new TableServiceClient(connectionString); // throws now, where the setting's name is known
            options.ConfigureTableServiceClient(connectionString);
        },
        (address, credential) =>
        {
            if (credential is null)
            {
                _ = new TableServiceClient(address);
                options.ConfigureTableServiceClient(address);
            }
            else
            {
                _ = new TableServiceClient(address, credential);
                options.ConfigureTableServiceClient(address, credential);
            }
        });

    /// <summary>Gives blob options their client.</summary>
    public static void ApplyBlob(AzureBlobStorageOptions options, IConfigurationSection section, IServiceProvider services) => Apply<BlobServiceClient>(
        section,
        services,
        ready => options.BlobServiceClient = ready,
        connectionString =>
        {
            _ = new BlobServiceClient(connectionString);
            options.ConfigureBlobServiceClient(connectionString);
        },
        (address, credential) =>
        {
            if (credential is null)
            {
                _ = new BlobServiceClient(address);
                options.ConfigureBlobServiceClient(address);
            }
            else
            {
                _ = new BlobServiceClient(address, credential);
                options.ConfigureBlobServiceClient(address, credential);
            }
        });

    /// <summary>Reads ServiceKey (a client registered under that key), or ConnectionString, or ConnectionName (in ConnectionStrings).</summary>
    /// <typeparam name="TClient">The service's client.</typeparam>
    /// <param name="section">Of the provider.</param>
    /// <param name="services">Holds the keyed client, and the TokenCredential for an address without a signature when there is one.</param>
    /// <param name="ready">Takes a ready client.</param>
    /// <param name="connectionString">Takes a connection string.</param>
    /// <param name="uri">Takes an address and a credential or null. A connection string that is an absolute URI counts as one.</param>
    /// <exception cref="OrleansConfigurationException">A value is not usable; names the setting, never the value.</exception>
    public static void Apply<TClient>(
        IConfigurationSection section, IServiceProvider services, Action<TClient> ready, Action<string> connectionString, Action<Uri, TokenCredential?> uri)
        where TClient : class
    {
        if (section["ServiceKey"] is { Length: > 0 } key)
        {
            ready(services.GetKeyedService<TClient>(key) ??
                throw new OrleansConfigurationException($"{section.Path}:ServiceKey is '{key}', but no {typeof(TClient).Name} is registered under that key."));
            return;
        }

        var setting = $"{section.Path}:ConnectionString";
        var value = section["ConnectionString"];
        if (string.IsNullOrEmpty(value) && section["ConnectionName"] is { Length: > 0 } name)
        {
            setting = $"ConnectionStrings:{name}";
            value = services.GetRequiredService<IConfiguration>().GetConnectionString(name);
            if (string.IsNullOrEmpty(value))
                throw new OrleansConfigurationException($"{section.Path}:ConnectionName is '{name}', but {setting} is empty.");
        }

        if (string.IsNullOrEmpty(value))
            return; // the validator says what is missing
        try
        {
            if (Uri.TryCreate(value, UriKind.Absolute, out var address))
                uri(address, address.Query.Length > 0 ? null : services.GetService<TokenCredential>());
            else
                connectionString(value);
        }
        catch (Exception malformed) when (malformed is FormatException or ArgumentException or InvalidOperationException)
        {
            // Not as inner exception: some of them quote the value.
            throw new OrleansConfigurationException($"{setting} is neither an Azure storage connection string nor the https address of a service.");
        }
    }
}
