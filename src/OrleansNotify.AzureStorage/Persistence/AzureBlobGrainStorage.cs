using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace OrleansNotify.AzureStorage.Persistence;

/// <summary>Each state of a grain is one blob; its ETag decides who may write. An empty blob is a cleared state.</summary>
/// <remarks>What <see cref="AzureTableGrainStorage"/> says of failed writes holds here too.</remarks>
internal sealed class AzureBlobGrainStorage(
    string name,
    AzureBlobStorageOptions options,
    IBlobContainerFactory containers,
    IOptions<ClusterOptions> cluster,
    IActivatorProvider activators,
    TimeProvider time) : IGrainStorage, ILifecycleParticipant<ISiloLifecycle>
{
    private readonly string _service = cluster.Value.ServiceId;

    public void Participate(ISiloLifecycle observer) =>
        observer.Subscribe(OptionFormattingUtilities.Name<AzureBlobGrainStorage>(name), options.InitStage, OpenAsync);

    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        var client = await options.CreateClientAsync();
        var store = $"Azure blob container '{options.ContainerName}' at {client.Uri.GetLeftPart(UriPartial.Path)}"; // without its query: that may be a signature
        await new StoreCalls(store, options.StoragePolicyOptions, time, token => containers.InitializeAsync(client).WaitAsync(token)).CreateAsync(cancellationToken);
    }

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var (blob, calls) = Open(stateName, grainId);
        string? etag = null;
        BinaryData? data = null;
        try
        {
            var found = await calls.CallAsync(token => blob.DownloadContentAsync(token), cancellationToken);
            etag = found.Value.Details.ETag.ToString();
            data = found.Value.Content.ToMemory().IsEmpty ? null : found.Value.Content;
        }
        catch (AzureStorageException missing) when (missing.Status == 404)
        {
            // Neither the blob nor, perhaps, its container: the first write makes both.
        }

        grainState.ETag = etag;
        grainState.RecordExists = data is not null;
        grainState.State = data is not null && options.GrainStorageSerializer.Deserialize<T>(data) is { } state ? state : Fresh<T>();
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var data = options.GrainStorageSerializer.Serialize(grainState.State);
        grainState.ETag = await PutAsync(data, stateName, grainId, grainState.ETag, cancellationToken);
        grainState.RecordExists = true;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        if (!options.DeleteStateOnClear)
        {
            grainState.ETag = await PutAsync(BinaryData.Empty, stateName, grainId, grainState.ETag, cancellationToken);
        }
        else if (!string.IsNullOrEmpty(grainState.ETag))
        {
            await DeleteAsync(stateName, grainId, grainState.ETag, cancellationToken);
            grainState.ETag = null;
        }

        grainState.RecordExists = false;
        grainState.State = Fresh<T>();
    }

    private async Task<string> PutAsync(BinaryData data, string stateName, GrainId grain, string? etag, CancellationToken cancellationToken)
    {
        var (blob, calls) = Open(stateName, grain);
        var upload = new BlobUploadOptions
        {
            HttpHeaders = new BlobHttpHeaders { ContentType = "application/octet-stream" },
            Conditions = string.IsNullOrEmpty(etag) ? new BlobRequestConditions { IfNoneMatch = ETag.All } : new BlobRequestConditions { IfMatch = new ETag(etag) },
        };
        try
        {
            var answer = await calls.CallOrCreateAsync(token => blob.UploadAsync(data, upload, token), cancellationToken);
            return answer.Value.ETag.ToString();
        }
        catch (AzureStorageException failure) when (failure.IsConflict)
        {
            throw Stale(stateName, grain, etag, failure);
        }
    }

    private async Task DeleteAsync(string stateName, GrainId grain, string etag, CancellationToken cancellationToken)
    {
        var (blob, calls) = Open(stateName, grain);
        try
        {
            using var answer = await calls.CallAsync(
                token => blob.DeleteAsync(DeleteSnapshotsOption.None, new BlobRequestConditions { IfMatch = new ETag(etag) }, token), cancellationToken);
        }
        catch (AzureStorageException failure) when (failure.IsConflict || failure.IsContainerMissing)
        {
            throw Stale(stateName, grain, etag, failure);
        }
    }

    private (BlobClient Blob, StoreCalls Calls) Open(string stateName, GrainId grain)
    {
        var container = containers.GetBlobContainerClient(stateName, grain);
        var store = $"Azure blob container '{container.Name}' at {container.Uri.GetLeftPart(UriPartial.Authority)}";
        return (
            container.GetBlobClient(StorageKeys.Blob(options.KeyFormat, _service, grain, stateName)),
            new StoreCalls(store, options.StoragePolicyOptions, time, token => container.CreateIfNotExistsAsync(cancellationToken: token)));
    }

    private InconsistentStateException Stale(string stateName, GrainId grain, string? etag, AzureStorageException failure) => new(
        $"State '{stateName}' of grain {grain} in blob storage '{name}' is not what this activation read or wrote last (ETag {etag ?? "none"}).", "Unknown", etag ?? "", failure);

    private T Fresh<T>() => activators.GetActivator<T>().Create();
}
