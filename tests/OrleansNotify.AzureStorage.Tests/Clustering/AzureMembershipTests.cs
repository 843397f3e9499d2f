using System.Net;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Data.Tables;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Orleans.Clustering.AzureStorage;
using Orleans.Configuration;
using Orleans.Storage;
using OrleansNotify.AzureStorage.Clustering;

namespace OrleansNotify.AzureStorage.Tests.Clustering;

/// <summary>What is Azure's own: the layout, reads of several pages, a table that has gone.</summary>
[Collection(StoresCollection.Name)]
public sealed class AzureMembershipTests(Stores stores)
{
    private static readonly DateTime Started = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private static int _generation;
    private readonly string _cluster = $"cluster-{Guid.NewGuid():N}";
    private readonly string _tableName = $"t{Guid.NewGuid():N}";

    [Fact]
    public async Task Rows_have_the_columns_of_Microsofts_provider()
    {
        var table = await Open();
        var silo = Silo();
        silo.AddSuspector(SiloAddress.New(new IPEndPoint(IPAddress.Parse("10.0.0.9"), 11), 12), Started);
        silo.AddSuspector(SiloAddress.New(new IPEndPoint(IPAddress.Parse("10.0.0.8"), 13), 14), Started.AddSeconds(1));
        Assert.True(await Insert(table, silo));
        var raw = await Raw();

        var row = (await raw.GetEntityAsync<TableEntity>(_cluster, $"10.1.2.3-4000-{silo.SiloAddress.Generation}")).Value;

        var columns = row.Where(column => column.Key is not ("odata.etag" or "Timestamp" or "PartitionKey" or "RowKey")).ToDictionary(c => c.Key, c => (string)c.Value);
        Assert.Equal(
            new SortedDictionary<string, string>(StringComparer.Ordinal)
            {
                ["DeploymentId"] = _cluster,
                ["Address"] = "10.1.2.3",
                ["Port"] = "4000",
                ["Generation"] = $"{silo.SiloAddress.Generation}",
                ["HostName"] = "host",
                ["Status"] = "Active",
                ["ProxyPort"] = "5000",
                ["RoleName"] = "role",
                ["SiloName"] = "name",
                ["InstanceName"] = "name",
                ["UpdateZone"] = "0",
                ["FaultZone"] = "0",
                ["SuspectingSilos"] = "10.0.0.9:11@12|10.0.0.8:13@14",
                ["SuspectingTimes"] = "2026-03-01 12:00:00.000 GMT|2026-03-01 12:00:01.000 GMT",
                ["StartTime"] = "2026-03-01 12:00:00.000 GMT",
                ["IAmAliveTime"] = "2026-03-01 12:00:00.000 GMT",
            },
            new SortedDictionary<string, string>(columns, StringComparer.Ordinal));
        foreach (var (key, active) in ((string, bool)[])[("VersionRow", false), ("!Start", true), ("~End", true)])
        {
            var version = (await raw.GetEntityAsync<TableEntity>(_cluster, key)).Value;
            Assert.Equal("1", version.GetString("MembershipVersion"));
            Assert.Equal(_cluster, version.GetString("DeploymentId"));
            Assert.Equal(active ? "Active" : null, version.GetString("Status"));
        }
    }

    [Fact]
    public async Task A_row_that_cannot_be_read_is_left_out()
    {
        var table = await Open();
        var silo = Silo();
        Assert.True(await Insert(table, silo));
        await (await Raw()).AddEntityAsync(new TableEntity(_cluster, "broken") { ["Status"] = "Active", ["ProxyPort"] = "7", ["Address"] = "nowhere" });

        Assert.Equal(silo.SiloAddress, Assert.Single((await table.ReadAllAsync(default)).Members).Item1.SiloAddress);

        var gateways = new AzureGatewayList(
            Options.Create(Settings(new AzureStorageGatewayOptions(), await Connection())), Cluster(), Options.Create(new GatewayOptions()), TimeProvider.System,
            NullLogger<AzureGatewayList>.Instance);
        await gateways.InitializeGatewayListProviderAsync(default);
        Assert.Single(await gateways.GetGatewaysAsync(default));
    }

    [Fact]
    public async Task Without_a_version_row_nothing_is_read()
    {
        var table = await Open();
        await (await Raw()).DeleteEntityAsync(_cluster, "VersionRow");

        await Assert.ThrowsAsync<KeyNotFoundException>(() => table.ReadAllAsync(default));
        await Assert.ThrowsAsync<KeyNotFoundException>(() => table.ReadRowAsync(Silo().SiloAddress, default));
    }

    [Fact]
    public async Task A_table_that_has_gone_comes_back_with_the_last_version_seen()
    {
        var table = await Open();
        Assert.True(await Insert(table, Silo()));
        await (await Raw()).DeleteAsync();

        var data = await table.ReadAllAsync(default);

        Assert.Equal(1, data.Version.Version);
        Assert.Empty(data.Members);
        Assert.True(await Insert(table, Silo()));
        Assert.Equal(2, (await table.ReadAllAsync(default)).Version.Version);
    }

    [Fact]
    public async Task A_write_to_a_table_that_has_gone_fails_once()
    {
        var table = await Open();
        var next = (await table.ReadAllAsync(default)).Version.Next();
        await (await Raw()).DeleteAsync();

        Assert.False(await table.InsertRowAsync(Silo(), next, default));
        Assert.True(await Insert(table, Silo()));
    }

    [Fact]
    public async Task Pages_that_nobody_changed_are_one_answer()
    {
        var pages = new BetweenPages();
        var table = await Open(pages, silos: 5);

        Assert.Equal(5, (await table.ReadAllAsync(default)).Members.Count);

        Assert.Equal(3, pages.Following); // 8 rows in pages of 2: one query, three continuations
    }

    [Fact]
    public async Task Pages_that_changed_meanwhile_are_read_again()
    {
        var pages = new BetweenPages();
        var table = await Open(pages, silos: 4);
        var other = await Open();
        var late = Silo();
        pages.Once = async () => Assert.True(await Insert(other, late));

        var data = await table.ReadAllAsync(default);

        Assert.Equal(2, pages.Reads);
        Assert.Equal(5, data.Version.Version);
        Assert.Equal(5, data.Members.Count);
        Assert.Contains(data.Members, member => member.Item1.SiloAddress.Equals(late.SiloAddress));
    }

    [Fact]
    public async Task Pages_that_never_stay_still_fail_after_five_reads()
    {
        var pages = new BetweenPages();
        var table = await Open(pages, silos: 2);
        var other = await Open();
        pages.EachRead = () => Insert(other, Silo());

        await Assert.ThrowsAsync<InconsistentStateException>(() => table.ReadAllAsync(default));

        Assert.Equal(5, pages.Reads);
    }

    [Fact]
    public async Task A_sign_of_life_between_pages_disturbs_nobody()
    {
        var pages = new BetweenPages();
        var table = await Open(pages, silos: 4);
        var other = await Open();
        var alive = (await other.ReadAllAsync(default)).Members[0].Item1;
        pages.EachRead = () => other.UpdateIAmAliveAsync(alive, default);

        Assert.Equal(4, (await table.ReadAllAsync(default)).Members.Count);

        Assert.Equal(1, pages.Reads);
    }

    [Fact]
    public async Task Pages_written_by_silos_without_boundary_rows_are_taken()
    {
        var pages = new BetweenPages();
        var table = await Open(pages, silos: 4);
        var raw = await Raw();
        var version = (await raw.GetEntityAsync<TableEntity>(_cluster, "VersionRow")).Value;
        version["MembershipVersion"] = "9"; // ahead of both boundaries, as an older silo leaves it
        await raw.UpdateEntityAsync(version, ETag.All, TableUpdateMode.Replace);
        Assert.Equal(9, (await table.ReadAllAsync(default)).Version.Version);

        await raw.DeleteEntityAsync(_cluster, "!Start");
        Assert.Equal(9, (await table.ReadAllAsync(default)).Version.Version);
        await raw.DeleteEntityAsync(_cluster, "~End");

        Assert.Equal(4, (await table.ReadAllAsync(default)).Members.Count);
    }

    [Fact]
    public async Task A_read_cancelled_between_pages_ends()
    {
        var pages = new BetweenPages();
        var table = await Open(pages, silos: 4);
        using var cancelled = new CancellationTokenSource();
        pages.EachRead = cancelled.CancelAsync;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => table.ReadAllAsync(cancelled.Token));

        Assert.Equal(1, pages.Reads);
    }

    private static MembershipEntry Silo() => new()
    {
        SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Parse("10.1.2.3"), 4_000), Interlocked.Increment(ref _generation)),
        HostName = "host",
        SiloName = "name",
        RoleName = "role",
        Status = SiloStatus.Active,
        ProxyPort = 5_000,
        StartTime = Started,
        IAmAliveTime = Started,
    };

    private static async Task<bool> Insert(AzureMembershipTable table, MembershipEntry silo) =>
        await table.InsertRowAsync(silo, (await table.ReadAllAsync(default)).Version.Next(), default);

    private async Task<string> Connection() => (await stores.Azurite()).ConnectionString;

    private async Task<TableClient> Raw() => new(await Connection(), _tableName);

    private IOptions<ClusterOptions> Cluster() => Options.Create(new ClusterOptions { ClusterId = _cluster, ServiceId = "test" });

    private T Settings<T>(T options, string connection)
        where T : TableServiceOptions
    {
        options.TableName = _tableName;
        options.ConfigureTableServiceClient(connection);
        options.StoragePolicyOptions.OperationTimeout = Hosts.Patience;
        return options;
    }

    private async Task<AzureMembershipTable> Open(BetweenPages? pages = null, int silos = 0)
    {
        var options = Settings(new AzureStorageClusteringOptions(), await Connection());
        if (pages is not null)
        {
            options.ClientOptions = new TableClientOptions();
            options.ClientOptions.AddPolicy(pages, HttpPipelinePosition.PerCall);
        }

        var table = new AzureMembershipTable(Options.Create(options), Cluster(), TimeProvider.System, NullLogger<AzureMembershipTable>.Instance)
        {
            PageSize = pages is null ? null : 2,
        };
        await table.InitializeMembershipTableAsync(true, default);
        var other = silos > 0 ? await Open() : table;
        for (var i = 0; i < silos; i++)
            Assert.True(await Insert(other, Silo()));
        return table;
    }

    /// <summary>Does something just before the second page of a query is asked for.</summary>
    private sealed class BetweenPages : HttpPipelinePolicy
    {
        private int _inRead;

        public Func<Task>? Once { get; set; }

        public Func<Task>? EachRead { get; set; }

        public int Following { get; private set; }

        public int Reads { get; private set; }

        public override void Process(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline) => throw new NotSupportedException();

        public override async ValueTask ProcessAsync(HttpMessage message, ReadOnlyMemory<HttpPipelinePolicy> pipeline)
        {
            if (message.Request.Method == RequestMethod.Get)
                await Before(message.Request.Uri.Query.Contains("NextRowKey", StringComparison.OrdinalIgnoreCase));
            await ProcessNextAsync(message, pipeline);
        }

        private async Task Before(bool following)
        {
            Following += following ? 1 : 0;
            _inRead = following ? _inRead + 1 : 0;
            Reads += following ? 0 : 1;
            if (_inRead != 1)
                return;
            var (once, each) = (Once, EachRead);
            Once = null;
            await (once?.Invoke() ?? Task.CompletedTask);
            await (each?.Invoke() ?? Task.CompletedTask);
        }
    }
}
