using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Serialization.Serializers;
using Orleans.Storage;

namespace OrleansNotify.Sqlite;

/// <summary>Grain storage in one SQLite file. A write that returns has been flushed to the disk; a stale ETag gives <see cref="InconsistentStateException"/>.</summary>
internal sealed partial class SqliteGrainStorage : IGrainStorage, ILifecycleParticipant<ISiloLifecycle>, IAsyncDisposable
{
    private readonly string _name;
    private readonly SqliteStorageOptions _options;
    private readonly string _service;
    private readonly IActivatorProvider _activators;
    private readonly ILogger _logger;
    private readonly SqliteRecords _records;

    public SqliteGrainStorage(string name, SqliteStorageOptions options, IOptions<ClusterOptions> cluster, IActivatorProvider activators, ILogger<SqliteGrainStorage> logger)
    {
        (_name, _options, _service, _activators, _logger) = (name, options, cluster.Value.ServiceId, activators, logger);
        _records = new SqliteRecords(new SqliteFile(options.Path));
    }

    /// <inheritdoc />
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <inheritdoc />
    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var record = await _records.Read(KeyOf(stateName, grainId), cancellationToken);
        if (record is null)
            SetEmpty(grainState);
        else
            (grainState.State, grainState.ETag, grainState.RecordExists) = (_options.GrainStorageSerializer.Deserialize<T>(new BinaryData(record.Data)), record.ETag, true);
    }

    /// <inheritdoc />
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <inheritdoc />
    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var data = _options.GrainStorageSerializer.Serialize(grainState.State).ToMemory();
        var write = new RecordWrite(KeyOf(stateName, grainId), grainState.ETag, data);
        if (!await _records.Write(write, cancellationToken))
            throw await Stale(write, cancellationToken);
        (grainState.ETag, grainState.RecordExists) = (write.ETag, true);
    }

    /// <inheritdoc />
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) =>
        ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    /// <summary>Deletes the record; the state in memory becomes a new one. Clearing what is not there is no error.</summary>
    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        var delete = new RecordWrite(KeyOf(stateName, grainId), grainState.ETag, null);
        if (!await _records.Write(delete, cancellationToken))
            throw await Stale(delete, cancellationToken);
        SetEmpty(grainState);
    }

    /// <inheritdoc />
    public void Participate(ISiloLifecycle observer) =>
        observer.Subscribe(OptionFormattingUtilities.Name<SqliteGrainStorage>(_name), _options.InitStage, Check, _ => DisposeAsync().AsTask());

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _records.DisposeAsync();

    // A file that is there must be ours and whole; one that is not there is made by the first write.
    private Task Check(CancellationToken cancellationToken)
    {
        SqliteStorageHosting.TryOpen(_options.Path);
        LogUsing(_name, _options.Path);
        return Task.CompletedTask;
    }

    private async Task<InconsistentStateException> Stale(RecordWrite write, CancellationToken cancellationToken)
    {
        var current = await _records.Read(write.Key, cancellationToken);
        return new InconsistentStateException($"{write.Key.Grain}, state {write.Key.State}: it was changed by somebody else.", current?.ETag ?? "none", write.Expected ?? "none");
    }

    private RecordKey KeyOf(string stateName, GrainId grainId) => new(_service, grainId.ToString(), stateName);

    private void SetEmpty<T>(IGrainState<T> grainState) =>
        (grainState.State, grainState.ETag, grainState.RecordExists) = (_activators.GetActivator<T>().Create(), null, false);

    [LoggerMessage(7001, LogLevel.Information, "Grain storage {Name}: SQLite file {Path}.")]
    private partial void LogUsing(string name, string path);
}
