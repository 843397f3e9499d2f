using Azure;
using Azure.Data.Tables;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace OrleansNotify.AzureStorage.Persistence;

/// <summary>Each state of a grain is one row; its ETag decides who may write.</summary>
/// <remarks>
/// After a write that failed in any way but <see cref="InconsistentStateException"/> its outcome is unknown. A write that was stored but whose answer was lost is
/// tried again by the client and then looks like somebody else's: that too is an <see cref="InconsistentStateException"/>.
/// </remarks>
internal sealed class AzureTableGrainStorage(
    string name, AzureTableStorageOptions options, IOptions<ClusterOptions> cluster, IActivatorProvider activators, TimeProvider time)
    : IGrainStorage, ILifecycleParticipant<ISiloLifecycle>
{
    private readonly string _service = cluster.Value.ServiceId;
    private AzureTable? _table;

    private AzureTable Table => _table ?? throw new InvalidOperationException($"Grain storage '{name}' is used before its stage of the silo's start.");

    public void Participate(ISiloLifecycle observer) =>
        observer.Subscribe(OptionFormattingUtilities.Name<AzureTableGrainStorage>(name), options.InitStage, OpenAsync);

    public async Task OpenAsync(CancellationToken cancellationToken) => _table = await AzureTable.OpenAsync(options, time, cancellationToken);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var (partition, row) = KeyOf(stateName, grainId);
        // A missing table reads as a missing row: the first write makes it.
        var found = await Table.Calls.CallAsync(
            token => Table.Client.GetEntityIfExistsAsync<TableEntity>(partition, row, cancellationToken: token), cancellationToken);
        var data = found.HasValue ? StateColumns.Read(found.Value!) : null;
        grainState.ETag = found.HasValue ? found.Value!.ETag.ToString() : null;
        grainState.RecordExists = data is not null;
        grainState.State = data is not null && options.GrainStorageSerializer.Deserialize<T>(data) is { } state ? state : Fresh<T>();
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var row = RowOf(stateName, grainId);
        StateColumns.Write(row, options.GrainStorageSerializer.Serialize(grainState.State), options.UseStringFormat);
        grainState.ETag = await PutAsync(row, stateName, grainId, grainState.ETag, cancellationToken);
        grainState.RecordExists = true;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var row = RowOf(stateName, grainId);
        if (!options.DeleteStateOnClear)
        {
            grainState.ETag = await PutAsync(row, stateName, grainId, grainState.ETag, cancellationToken);
        }
        else if (!string.IsNullOrEmpty(grainState.ETag))
        {
            await DeleteAsync(row, stateName, grainId, grainState.ETag, cancellationToken);
            grainState.ETag = null;
        }

        grainState.RecordExists = false;
        grainState.State = Fresh<T>();
    }

    private async Task<string> PutAsync(TableEntity row, string stateName, GrainId grain, string? etag, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await Table.Calls.CallOrCreateAsync(
                token => string.IsNullOrEmpty(etag)
                    ? Table.Client.AddEntityAsync(row, token)
                    : Table.Client.UpdateEntityAsync(row, new ETag(etag), TableUpdateMode.Replace, token),
                cancellationToken);
            return answer.Headers.ETag?.ToString() ?? throw new AzureStorageException($"Azure table '{options.TableName}' gave no ETag for a write.", answer.Status, null, null);
        }
        catch (AzureStorageException failure) when (failure.IsConflict)
        {
            throw new TableStorageUpdateConditionNotSatisfiedException(stateName, grain, options.TableName, etag, failure);
        }
    }

    private async Task DeleteAsync(TableEntity row, string stateName, GrainId grain, string etag, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await Table.Calls.CallAsync(
                token => Table.Client.DeleteEntityAsync(row.PartitionKey, row.RowKey, new ETag(etag), token), cancellationToken);
            if (answer.Status != 404)
                return;
        }
        catch (AzureStorageException failure) when (failure.IsConflict)
        {
            throw new TableStorageUpdateConditionNotSatisfiedException(stateName, grain, options.TableName, etag, failure);
        }

        // The client hands a 404 back as an answer: the row went with somebody else.
        throw new TableStorageUpdateConditionNotSatisfiedException(stateName, grain, options.TableName, etag, null);
    }

    private TableEntity RowOf(string stateName, GrainId grain)
    {
        var (partition, row) = KeyOf(stateName, grain);
        return new TableEntity(partition, row);
    }

    private (string Partition, string Row) KeyOf(string stateName, GrainId grain) => StorageKeys.Table(options.KeyFormat, _service, grain, stateName);

    private T Fresh<T>() => activators.GetActivator<T>().Create();
}
