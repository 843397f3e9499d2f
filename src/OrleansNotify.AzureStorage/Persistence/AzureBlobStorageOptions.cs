using System.Text.RegularExpressions;
using Azure;
using Azure.Core;
using Azure.Storage;
using Azure.Storage.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansNotify.AzureStorage;

namespace Orleans.Configuration;

/// <summary>Grain state in Azure blobs: one blob for each state, of any size.</summary>
public partial class AzureBlobStorageOptions : IStorageProviderSerializerOptions
{
    /// <summary>The container when none is named.</summary>
    public const string DEFAULT_CONTAINER_NAME = "grainstate";

    /// <summary>When the container is opened unless said otherwise.</summary>
    public const int DEFAULT_INIT_STAGE = ServiceLifecycleStage.ApplicationServices;

    private Func<Task<BlobServiceClient>>? _createClient;

    /// <summary>
    /// Name of the container; made at start when it is missing. 3 to 63 lower-case letters, digits and single hyphens. With
    /// <see cref="StorageKeyFormat.Compatible"/> names, services that share an account need a container each.
    /// </summary>
    public string ContainerName { get; set; } = DEFAULT_CONTAINER_NAME;

    /// <summary>A ready client, with its own retries and timeouts. Either this or one of the ConfigureBlobServiceClient methods; the last one wins.</summary>
    public BlobServiceClient? BlobServiceClient
    {
        get;
        set
        {
            field = value;
            _createClient = value is null ? null : () => Task.FromResult(value);
        }
    }

    /// <summary>
    /// For clients that are made here. Default null: the retries of <see cref="StoragePolicyOptions"/>, and service version 2026-06-06, the newest that
    /// the Azurite pinned by this repository understands.
    /// </summary>
    public BlobClientOptions? ClientOptions { get; set; }

    /// <summary>Times and retries.</summary>
    public AzureStoragePolicyOptions StoragePolicyOptions { get; } = new();

    /// <summary>Whether clearing a state deletes its blob. Default true; false leaves an empty one, whose ETag goes on protecting it.</summary>
    public bool DeleteStateOnClear { get; set; } = true;

    /// <summary>How grains become blob names. Default <see cref="StorageKeyFormat.Injective"/>, unlike Microsoft's provider.</summary>
    public StorageKeyFormat KeyFormat { get; set; }

    /// <summary>Stage of the silo's start at which the container is opened. Default <see cref="ServiceLifecycleStage.ApplicationServices"/>.</summary>
    public int InitStage { get; set; } = DEFAULT_INIT_STAGE;

    /// <summary>Default: the silo's <see cref="IGrainStorageSerializer"/>, which is JSON unless another was registered.</summary>
    public IGrainStorageSerializer GrainStorageSerializer { get; set; } = null!;

    /// <summary>Chooses containers by grain. Default: all states in <see cref="ContainerName"/>.</summary>
    public Func<IServiceProvider, AzureBlobStorageOptions, IBlobContainerFactory> BuildContainerFactory { get; set; } =
        static (services, options) => ActivatorUtilities.CreateInstance<SingleBlobContainer>(services, options);

    /// <summary>Takes account, key and address from a connection string.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public void ConfigureBlobServiceClient(string connectionString)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        Create(options => new BlobServiceClient(connectionString, options));
    }

    /// <summary>An address that carries its own permission (a shared access signature).</summary>
    public void ConfigureBlobServiceClient(Uri serviceUri)
    {
        ArgumentNullException.ThrowIfNull(serviceUri);
        Create(options => new BlobServiceClient(serviceUri, options));
    }

    /// <summary>An address and a Microsoft Entra identity. The address must be https.</summary>
    public void ConfigureBlobServiceClient(Uri serviceUri, TokenCredential tokenCredential)
    {
        ArgumentNullException.ThrowIfNull(serviceUri);
        ArgumentNullException.ThrowIfNull(tokenCredential);
        Create(options => new BlobServiceClient(serviceUri, tokenCredential, options));
    }

    /// <summary>An address and a shared access signature that can be renewed.</summary>
    public void ConfigureBlobServiceClient(Uri serviceUri, AzureSasCredential azureSasCredential)
    {
        ArgumentNullException.ThrowIfNull(serviceUri);
        ArgumentNullException.ThrowIfNull(azureSasCredential);
        Create(options => new BlobServiceClient(serviceUri, azureSasCredential, options));
    }

    /// <summary>An address, an account and its key.</summary>
    public void ConfigureBlobServiceClient(Uri serviceUri, StorageSharedKeyCredential sharedKeyCredential)
    {
        ArgumentNullException.ThrowIfNull(serviceUri);
        ArgumentNullException.ThrowIfNull(sharedKeyCredential);
        Create(options => new BlobServiceClient(serviceUri, sharedKeyCredential, options));
    }

    /// <summary>A client made at start by a callback, with its own retries and timeouts.</summary>
    public void ConfigureBlobServiceClient(Func<Task<BlobServiceClient>> createClientCallback)
    {
        ArgumentNullException.ThrowIfNull(createClientCallback);
        _createClient = createClientCallback;
    }

    internal Task<BlobServiceClient> CreateClientAsync() =>
        _createClient?.Invoke() ?? throw new OrleansConfigurationException($"{nameof(AzureBlobStorageOptions)}: no blob service client is configured.");

    internal void Validate(string name)
    {
        var owner = $"{nameof(AzureBlobStorageOptions)} '{name}'";
        if (_createClient is null)
            throw new OrleansConfigurationException($"{owner}: no blob service client is configured. Set ConnectionString in its configuration section, or {nameof(BlobServiceClient)}.");
        if (ContainerName is null || !ValidName().IsMatch(ContainerName))
            throw new OrleansConfigurationException($"{owner}: ContainerName '{ContainerName}' is no valid container name: 3 to 63 lower-case letters, digits and single hyphens.");
        StoragePolicyOptions.Validate(owner);
    }

    private void Create(Func<BlobClientOptions, BlobServiceClient> create) => _createClient = () => Task.FromResult(create(ClientOptions ?? Defaults()));

    private BlobClientOptions Defaults()
    {
        var options = new BlobClientOptions(BlobClientOptions.ServiceVersion.V2026_06_06);
        StoragePolicyOptions.Apply(options.Retry);
        return options;
    }

    [GeneratedRegex("^(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*$")]
    private static partial Regex ValidName();
}

/// <summary>Ends the start with a sentence when the options cannot work.</summary>
/// <param name="options">Checked.</param>
/// <param name="name">Of the storage.</param>
public class AzureBlobStorageOptionsValidator(AzureBlobStorageOptions options, string name) : IConfigurationValidator
{
    /// <inheritdoc/>
    public void ValidateConfiguration() => options.Validate(name);
}
