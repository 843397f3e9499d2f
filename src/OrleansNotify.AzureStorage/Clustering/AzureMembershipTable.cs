using Azure;
using Azure.Data.Tables;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Clustering.AzureStorage;
using Orleans.Configuration;
using Orleans.Storage;

namespace OrleansNotify.AzureStorage.Clustering;

/// <summary>The cluster's membership in one partition of an Azure table; every change is one transaction with the version row.</summary>
internal sealed partial class AzureMembershipTable(
    IOptions<AzureStorageClusteringOptions> options, IOptions<ClusterOptions> cluster, TimeProvider time, ILogger<AzureMembershipTable> logger) : IMembershipTable
{
    private const int ReadAttempts = 5;
    private readonly AzureStorageClusteringOptions _options = options.Value;
    private readonly string _cluster = cluster.Value.ClusterId;
    private AzureTable? _table;
    private int _versionSeen;

    /// <summary>Rows asked for in one page; null: the service's own 1,000. Tests make it small.</summary>
    internal int? PageSize { get; init; }

    private AzureTable Table => _table ?? throw new InvalidOperationException("The membership table is used before it was initialized.");

    public Task InitializeMembershipTable(bool tryInitTableVersion) => InitializeMembershipTableAsync(tryInitTableVersion, CancellationToken.None);

    public async Task InitializeMembershipTableAsync(bool tryInitTableVersion, CancellationToken cancellationToken)
    {
        _table = await AzureTable.OpenAsync(_options, time, cancellationToken);
        if (tryInitTableVersion)
            await WriteFirstVersionAsync(cancellationToken);
    }

    public Task DeleteMembershipTableEntries(string clusterId) => DeleteMembershipTableEntriesAsync(clusterId, CancellationToken.None);

    public async Task DeleteMembershipTableEntriesAsync(string clusterId, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clusterId);
        var (_, rows) = await QueryAsync(clusterId, cancellationToken);
        await DeleteAsync(rows, cancellationToken);
    }

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => CleanupDefunctSiloEntriesAsync(beforeDate, CancellationToken.None);

    /// <inheritdoc/>
    /// <remarks>Goes by the silo's last sign of life, as the interface says and Orleans' own tests expect; Microsoft's provider goes by the row's storage timestamp.</remarks>
    public async Task CleanupDefunctSiloEntriesAsync(DateTimeOffset beforeDate, CancellationToken cancellationToken)
    {
        var (_, rows) = await QueryAsync(_cluster, cancellationToken);
        await DeleteAsync([.. rows.Where(row => IsDefunct(row, beforeDate))], cancellationToken);
    }

    public Task<MembershipTableData> ReadRow(SiloAddress key) => ReadRowAsync(key, CancellationToken.None);

    public async Task<MembershipTableData> ReadRowAsync(SiloAddress key, CancellationToken cancellationToken)
    {
        var row = MembershipRow.KeyOf(key);
        var filter = TableClient.CreateQueryFilter(
            $"PartitionKey eq {_cluster} and (RowKey eq {row} or RowKey eq {MembershipRow.VersionKey})");
        var (_, rows) = await QueryFilterAsync(filter, cancellationToken);
        return Data(rows);
    }

    public Task<MembershipTableData> ReadAll() => ReadAllAsync(CancellationToken.None);

    public async Task<MembershipTableData> ReadAllAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 1; attempt <= ReadAttempts; attempt++)
        {
            var (pages, rows) = await QueryAsync(_cluster, cancellationToken);
            if (MembershipPages.AreOneMoment(pages, rows))
                return Data(rows);
            LogTorn(_cluster, pages, attempt);
        }

        throw new InconsistentStateException($"The membership of cluster '{_cluster}' changed during each of {ReadAttempts} reads of several pages.");
    }

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) => InsertRowAsync(entry, tableVersion, CancellationToken.None);

    public Task<bool> InsertRowAsync(MembershipEntry entry, TableVersion tableVersion, CancellationToken cancellationToken) => TryChangeAsync(
        new TableTransactionAction(TableTransactionActionType.Add, MembershipRow.Of(_cluster, entry)), tableVersion, cancellationToken);

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) => UpdateRowAsync(entry, etag, tableVersion, CancellationToken.None);

    public Task<bool> UpdateRowAsync(MembershipEntry entry, string etag, TableVersion tableVersion, CancellationToken cancellationToken) => TryChangeAsync(
        new TableTransactionAction(TableTransactionActionType.UpdateReplace, MembershipRow.Of(_cluster, entry), new ETag(etag)), tableVersion, cancellationToken);

    public Task UpdateIAmAlive(MembershipEntry entry) => UpdateIAmAliveAsync(entry, CancellationToken.None);

    public Task UpdateIAmAliveAsync(MembershipEntry entry, CancellationToken cancellationToken) => Table.Calls.CallAsync(
        token => Table.Client.UpdateEntityAsync(MembershipRow.OfSignOfLife(_cluster, entry), ETag.All, TableUpdateMode.Merge, token), cancellationToken);

    // 404 and 409 (the row), 412 (an ETag) and 501: somebody else was faster; the runtime reads again and retries.
    private async Task<bool> TryChangeAsync(TableTransactionAction silo, TableVersion next, CancellationToken cancellationToken)
    {
        TableTransactionAction[] actions =
        [
            silo,
            new(TableTransactionActionType.UpdateReplace, MembershipRow.OfVersion(_cluster, next.Version), new ETag(next.VersionEtag)),
            .. Boundaries(next.Version),
        ];
        try
        {
            await Table.Calls.CallAsync(token => Table.Client.SubmitTransactionAsync(actions, token), cancellationToken);
            _versionSeen = Math.Max(_versionSeen, next.Version);
            return true;
        }
        catch (AzureStorageException failure) when (failure.IsConflict || failure.Status == 501)
        {
            LogContention(silo.Entity.RowKey, next.Version, failure.Status);
            return false;
        }
        catch (AzureStorageException failure) when (failure.IsContainerMissing)
        {
            await RestoreAsync(cancellationToken);
            return false;
        }
    }

    private TableTransactionAction[] Boundaries(int version) =>
    [
        new(TableTransactionActionType.UpsertReplace, MembershipRow.OfBoundary(_cluster, MembershipRow.StartKey, version)),
        new(TableTransactionActionType.UpsertReplace, MembershipRow.OfBoundary(_cluster, MembershipRow.EndKey, version)),
    ];

    private async Task WriteFirstVersionAsync(CancellationToken cancellationToken)
    {
        TableTransactionAction[] actions =
        [
            new(TableTransactionActionType.Add, MembershipRow.OfVersion(_cluster, _versionSeen)), .. Boundaries(_versionSeen),
        ];
        try
        {
            await Table.Calls.CallOrCreateAsync(token => Table.Client.SubmitTransactionAsync(actions, token), cancellationToken);
            LogFirstVersion(_cluster, _versionSeen);
        }
        catch (AzureStorageException failure) when (failure.IsConflict)
        {
            // There is one already.
        }
    }

    // The table has gone (somebody deleted it; an emulator without a disk was restarted). It comes back with the last version this silo saw, so that no silo
    // takes what is written next for older than what it knows. Silos that run are not in it: they serve on, and are members again after a restart.
    private async Task RestoreAsync(CancellationToken cancellationToken)
    {
        LogLost(_options.TableName, _versionSeen);
        await WriteFirstVersionAsync(cancellationToken);
    }

    private MembershipTableData Data(List<TableEntity> rows)
    {
        TableVersion? version = null;
        var members = new List<Tuple<MembershipEntry, string>>();
        foreach (var row in rows)
        {
            if (row.RowKey == MembershipRow.VersionKey)
                version = new TableVersion(MembershipRow.VersionOf(row), row.ETag.ToString());
            else if (MembershipRow.IsSilo(row))
                AddSilo(members, row);
        }

        if (version is null)
            throw new KeyNotFoundException($"Table '{_options.TableName}' has no version row of cluster '{_cluster}'.");
        _versionSeen = Math.Max(_versionSeen, version.Version);
        return new MembershipTableData(members, version);
    }

    private void AddSilo(List<Tuple<MembershipEntry, string>> members, TableEntity row)
    {
        try
        {
            members.Add(Tuple.Create(MembershipRow.Read(row), row.ETag.ToString()));
        }
        catch (FormatException malformed)
        {
            LogMalformed(malformed.Message);
        }
    }

    private static bool IsDefunct(TableEntity row, DateTimeOffset before)
    {
        if (!MembershipRow.IsSilo(row) || row.GetString("Status") == nameof(SiloStatus.Active))
            return false;
        try
        {
            var entry = MembershipRow.Read(row);
            var last = entry.IAmAliveTime > entry.StartTime ? entry.IAmAliveTime : entry.StartTime;
            return new DateTimeOffset(DateTime.SpecifyKind(last, DateTimeKind.Utc)) < before;
        }
        catch (FormatException)
        {
            return row.Timestamp < before; // all that can be read of it
        }
    }

    private Task<(int Pages, List<TableEntity> Rows)> QueryAsync(string partition, CancellationToken cancellationToken) =>
        QueryFilterAsync(TableClient.CreateQueryFilter($"PartitionKey eq {partition}"), cancellationToken);

    private async Task<(int Pages, List<TableEntity> Rows)> QueryFilterAsync(string filter, CancellationToken cancellationToken)
    {
        try
        {
            return await Table.Calls.CallAsync(Query, cancellationToken);
        }
        catch (AzureStorageException failure) when (failure.IsContainerMissing)
        {
            await RestoreAsync(cancellationToken);
            return await Table.Calls.CallAsync(Query, cancellationToken);
        }

        async Task<(int, List<TableEntity>)> Query(CancellationToken token)
        {
            var pages = 0;
            var rows = new List<TableEntity>();
            await foreach (var page in Table.Client.QueryAsync<TableEntity>(filter, PageSize, cancellationToken: token).AsPages().WithCancellation(token))
            {
                pages++;
                rows.AddRange(page.Values);
            }

            return (pages, rows);
        }
    }

    private async Task DeleteAsync(List<TableEntity> rows, CancellationToken cancellationToken)
    {
        foreach (var batch in rows.Chunk(_options.StoragePolicyOptions.MaxBulkUpdateRows))
        {
            try
            {
                var deletes = batch.Select(row => new TableTransactionAction(TableTransactionActionType.Delete, row, row.ETag));
                await Table.Calls.CallAsync(token => Table.Client.SubmitTransactionAsync(deletes, token), cancellationToken);
            }
            catch (AzureStorageException failure) when (failure.IsConflict)
            {
                // One of them changed or went meanwhile, and with it the whole batch: one by one, those that stand as they were read.
                foreach (var row in batch)
                    await Table.Calls.CallAsync(token => DeleteOneAsync(row, token), cancellationToken);
            }
        }
    }

    private async Task<bool> DeleteOneAsync(TableEntity row, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await Table.Client.DeleteEntityAsync(row.PartitionKey, row.RowKey, row.ETag, cancellationToken);
            return !answer.IsError;
        }
        catch (RequestFailedException failure) when (failure.Status is 404 or 412)
        {
            return false;
        }
    }

    [LoggerMessage(4101, LogLevel.Debug, "Membership row {Row} was not written with version {Version}: somebody else was faster ({Status}).")]
    private partial void LogContention(string row, int version, int status);

    [LoggerMessage(4102, LogLevel.Debug, "Membership of cluster {Cluster}: {Pages} pages changed while they were read (attempt {Attempt}).")]
    private partial void LogTorn(string cluster, int pages, int attempt);

    [LoggerMessage(4103, LogLevel.Information, "Membership of cluster {Cluster} begins with version {Version}.")]
    private partial void LogFirstVersion(string cluster, int version);

    [LoggerMessage(4104, LogLevel.Error, "Membership table {Table} has gone; it is made again, without silos, at version {Version}.")]
    private partial void LogLost(string table, int version);

    [LoggerMessage(4105, LogLevel.Error, "{Problem} The row is left out.")]
    private partial void LogMalformed(string problem);
}
