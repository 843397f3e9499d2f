using Azure.Storage.Blobs;
using Orleans.Configuration;

namespace Orleans.Storage;

/// <summary>Decides which container a grain's state goes into.</summary>
public interface IBlobContainerFactory
{
    /// <summary>The container of a grain's state. Called for every read and write: cheap, and always the same for the same grain.</summary>
    /// <param name="grainType">Name of the state.</param>
    /// <param name="grainId">The grain.</param>
    BlobContainerClient GetBlobContainerClient(string grainType, GrainId grainId);

    /// <summary>Called once at start. Makes containers that must be there from the beginning; others are made by the first write.</summary>
    Task InitializeAsync(BlobServiceClient client);
}

/// <summary>One container for all, named by the options.</summary>
internal sealed class SingleBlobContainer(AzureBlobStorageOptions options) : IBlobContainerFactory
{
    private BlobContainerClient? _container;

    public BlobContainerClient GetBlobContainerClient(string grainType, GrainId grainId) =>
        _container ?? throw new InvalidOperationException("The container is used before it was initialized.");

    public async Task InitializeAsync(BlobServiceClient client)
    {
        _container = client.GetBlobContainerClient(options.ContainerName);
        await _container.CreateIfNotExistsAsync();
    }
}
