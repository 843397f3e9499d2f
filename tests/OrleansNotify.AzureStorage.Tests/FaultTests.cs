using System.Diagnostics;
using System.Globalization;
using Azure.Data.Tables;
using Azure.Storage.Blobs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Storage;
using OrleansNotify.Testing;
using OrleansNotify.Testing.Conformance;

namespace OrleansNotify.AzureStorage.Tests;

/// <summary>Stores that are away, silent, or have lost their tables; each test has an Azurite of its own.</summary>
public sealed class FaultTests : IDisposable
{
    private readonly List<IHost> _hosts = [];

    public static TheoryData<string> Providers => new("table", "blob");

    public void Dispose() => _hosts.ForEach(host => host.Dispose());

    [Theory, MemberData(nameof(Providers))]
    public async Task A_store_that_is_away_is_one_clear_error_in_time_and_back_it_works(string provider)
    {
        await using var azurite = await AzuriteProcess.StartAsync();
        var storage = await Open(provider, azurite.ConnectionString, Hosts.Patience);
        var state = await Write(storage, "g", 1);
        await azurite.TerminateAsync();

        var failed = await Assert.ThrowsAsync<AzureStorageException>(() => Write(storage, "g", 2, state));

        Assert.Equal(0, failed.Status);
        Assert.StartsWith(provider == "table" ? "Azure table 'OrleansGrainState' at http://127.0.0.1:" : "Azure blob container 'grainstate' at http://127.0.0.1:", failed.Message, StringComparison.Ordinal);
        Assert.Contains("cannot be reached: Connection refused", failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failed.Message);
        Assert.DoesNotContain(AzuriteProcess.AccountKey, failed.ToString(), StringComparison.Ordinal);
        await azurite.RestartAsync();
        await Write(storage, "g", 3, state);
        Assert.Equal(3, (await Read(storage, "g")).State!.Number);
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task A_store_that_is_silent_ends_the_call_at_its_limit(string provider)
    {
        await using var azurite = await AzuriteProcess.StartAsync(new() { InMemory = true });
        var storage = await Open(provider, azurite.ConnectionString, TimeSpan.FromSeconds(2), create: TimeSpan.FromSeconds(60));
        await Until.True("a first read in time", async () =>
        {
            try
            {
                await Read(storage, "g");
                return true;
            }
            catch (AzureStorageException)
            {
                return false; // a cold start on a busy machine
            }
        }, Hosts.Patience);
        azurite.Pause();
        var began = Stopwatch.GetTimestamp();

        var failed = await Assert.ThrowsAsync<AzureStorageException>(() => Write(storage, "g", 1));

        azurite.Resume();
        // Its limit is 2 s, the SDK's own would be over 100.
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.FromSeconds(1.9), TimeSpan.FromSeconds(20));
        Assert.Equal(0, failed.Status);
        Assert.Contains(provider == "table" ? "Azure table 'OrleansGrainState'" : "Azure blob container 'grainstate'", failed.Message, StringComparison.Ordinal);
        Assert.Contains("did not answer within 2 s (StoragePolicyOptions.OperationTimeout).", failed.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task A_store_that_is_away_at_start_ends_the_start_with_one_clear_error(string provider)
    {
        var nobody = AzuriteProcess.ConnectionStringFor(Ports.Free(), Ports.Free(), Ports.Free());

        var failed = await Assert.ThrowsAsync<AzureStorageException>(() => Open(provider, nobody, TimeSpan.FromSeconds(5), create: TimeSpan.FromSeconds(1)));

        Assert.Contains("cannot be reached: Connection refused", failed.Message, StringComparison.Ordinal);
        Assert.Null(failed.InnerException as AggregateException);
    }

    [Fact]
    public async Task A_membership_table_that_is_away_at_start_is_one_clear_error()
    {
        var host = Hosts.Silo(silo => silo.UseAzureStorageClustering(options =>
        {
            options.ConfigureTableServiceClient(AzuriteProcess.ConnectionStringFor(Ports.Free(), Ports.Free(), Ports.Free()));
            options.StoragePolicyOptions.CreationTimeout = TimeSpan.FromSeconds(1);
        }));
        _hosts.Add(host);

        var failed = await Assert.ThrowsAsync<AzureStorageException>(() => host.Services.GetRequiredService<IMembershipTable>().InitializeMembershipTableAsync(true, default));

        Assert.StartsWith("Azure table 'OrleansSiloInstances' at http://127.0.0.1:", failed.Message, StringComparison.Ordinal);
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task A_table_or_container_that_has_gone_is_made_again(string provider)
    {
        await using var azurite = await AzuriteProcess.StartAsync(new() { InMemory = true });
        var storage = await Open(provider, azurite.ConnectionString, Hosts.Patience);
        var stale = await Write(storage, "g", 1);
        if (provider == "table")
            await new TableServiceClient(azurite.ConnectionString).DeleteTableAsync("OrleansGrainState");
        else
            await new BlobServiceClient(azurite.ConnectionString, new(BlobClientOptions.ServiceVersion.V2026_06_06)).DeleteBlobContainerAsync("grainstate");

        Assert.False((await Read(storage, "g")).RecordExists);
        await Assert.ThrowsAnyAsync<InconsistentStateException>(() => Write(storage, "g", 2, stale));
        await Write(storage, "g", 3);

        Assert.Equal(3, (await Read(storage, "g")).State!.Number);
    }

    [Fact]
    public async Task A_row_deleted_by_somebody_else_cannot_be_cleared()
    {
        await using var azurite = await AzuriteProcess.StartAsync(new() { InMemory = true });
        foreach (var provider in (string[])["table", "blob"])
        {
            var storage = await Open(provider, azurite.ConnectionString, Hosts.Patience);
            var mine = await Write(storage, "g", 1);
            await storage.ClearStateAsync("count", Grain("g"), await Read(storage, "g"));

            await Assert.ThrowsAnyAsync<InconsistentStateException>(() => storage.ClearStateAsync("count", Grain("g"), mine));
        }
    }

    [Theory, MemberData(nameof(Providers))]
    public async Task An_Azurite_stopped_in_good_order_under_load_has_lost_nothing(string provider)
    {
        await using var azurite = await AzuriteProcess.StartAsync();
        var storage = await Open(provider, azurite.ConnectionString, TimeSpan.FromSeconds(5), create: TimeSpan.FromSeconds(60));
        var acknowledged = new int[10];
        using var stop = new CancellationTokenSource();
        var writers = Enumerable.Range(0, acknowledged.Length).Select(i => Count(storage, i, acknowledged, stop.Token)).ToArray();
        await Until.True("each writer to have 10 acknowledged writes", () => acknowledged.All(count => count >= 10), TimeSpan.FromSeconds(60));

        await azurite.TerminateAsync();
        var atStop = acknowledged.ToArray();
        await azurite.RestartAsync();
        await Until.True("each writer to go on", () => acknowledged.Zip(atStop).All(pair => pair.First > pair.Second), TimeSpan.FromSeconds(60));
        await stop.CancelAsync();
        await Task.WhenAll(writers);

        for (var i = 0; i < acknowledged.Length; i++)
            Assert.InRange((await Read(storage, Name(i))).State!.Number, acknowledged[i], acknowledged[i] + 1_000); // more: stored, but the answer was lost
    }

    // The first is no member of the new table: only its restart makes the two one cluster again.
    [Fact]
    public async Task A_silo_whose_store_lost_everything_serves_on_and_a_new_one_can_start()
    {
        await using var azurite = await AzuriteProcess.StartAsync(new() { InMemory = true });
        var cluster = Guid.NewGuid().ToString("N");
        using var first = Member(silo => silo.Configure<ClusterMembershipOptions>(options => options.TableRefreshTimeout = options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(2)));
        await first.StartAsync();
        var counter = first.Services.GetRequiredService<IGrainFactory>().GetGrain<ICounterGrain>("g");
        Assert.Equal((1, 1), await counter.Add());
        await azurite.TerminateAsync();
        await azurite.RestartAsync();

        await Until.True("a grain to write again", async () =>
        {
            try
            {
                await counter.Add();
                return true;
            }
            catch (Exception outage) when (outage is OrleansException or TimeoutException)
            {
                return false; // its ETag is of a row that has gone: the activation ends and reads anew
            }
        }, TimeSpan.FromSeconds(60));
        using var second = Member(_ => { }); // one that stops and reads its own death in the same moment ends its process, says Orleans: it reads seldom
        await second.StartAsync();
        var management = second.Services.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0);
        await Until.True("the second silo to be active", async () => (await management.GetHosts(onlyActive: true)).Count >= 1, TimeSpan.FromSeconds(60));
        Assert.True((await second.Services.GetRequiredService<IGrainFactory>().GetGrain<ICounterGrain>("h").Add()).Rows > 0);
        await second.StopAsync();
        await first.StopAsync();

        IHost Member(Action<ISiloBuilder> configure) => Hosts.Silo(
            silo =>
            {
                silo.UseAzureStorageClustering(options => options.ConfigureTableServiceClient(azurite.ConnectionString));
                silo.AddAzureTableGrainStorage("rows", options => options.ConfigureTableServiceClient(azurite.ConnectionString));
                silo.AddAzureBlobGrainStorage("blobs", options => options.ConfigureBlobServiceClient(azurite.ConnectionString));
                configure(silo);
            },
            cluster,
            cluster);
    }

    // Counts up as a grain does; every write it was told of must be there when it reads again.
    private static async Task Count(IGrainStorage storage, int i, int[] acknowledged, CancellationToken stop)
    {
        var state = new GrainState<Kept> { State = new() };
        while (!stop.IsCancellationRequested)
        {
            try
            {
                state.State!.Number++;
                await storage.WriteStateAsync("count", Grain(Name(i)), state);
                Volatile.Write(ref acknowledged[i], state.State.Number);
            }
            catch (Exception outage) when (outage is AzureStorageException or InconsistentStateException)
            {
                await Until.True("the store to be back", async () =>
                {
                    try
                    {
                        await storage.ReadStateAsync("count", Grain(Name(i)), state);
                        return true;
                    }
                    catch (AzureStorageException)
                    {
                        return false;
                    }
                }, TimeSpan.FromSeconds(90));
                Assert.True(state.State!.Number >= acknowledged[i], $"writer {i}: {acknowledged[i]} acknowledged, {state.State.Number} stored");
            }
        }
    }

    private static string Name(int i) => i.ToString(CultureInfo.InvariantCulture);

    private static GrainId Grain(string key) => GrainId.Create("counter", key);

    private static async Task<GrainState<Kept>> Write(IGrainStorage storage, string key, int number, GrainState<Kept>? read = null)
    {
        var state = read ?? new();
        state.State = new() { Number = number };
        await storage.WriteStateAsync("count", Grain(key), state);
        return state;
    }

    private static async Task<GrainState<Kept>> Read(IGrainStorage storage, string key)
    {
        var state = new GrainState<Kept>();
        await storage.ReadStateAsync("count", Grain(key), state);
        return state;
    }

    private Task<IGrainStorage> Open(string provider, string connection, TimeSpan limit, TimeSpan? create = null)
    {
        var host = Hosts.Silo(silo =>
        {
            silo.UseLocalhostClustering(); // never started
            if (provider == "table")
            {
                silo.AddAzureTableGrainStorage("s", options =>
                {
                    options.ConfigureTableServiceClient(connection);
                    options.DeleteStateOnClear = true;
                    Limit(options.StoragePolicyOptions);
                });
            }
            else
            {
                silo.AddAzureBlobGrainStorage("s", options =>
                {
                    options.ConfigureBlobServiceClient(connection);
                    Limit(options.StoragePolicyOptions);
                });
            }
        });
        _hosts.Add(host);
        return Hosts.Open(host, "s");

        void Limit(AzureStoragePolicyOptions policy)
        {
            policy.OperationTimeout = limit;
            policy.CreationTimeout = create ?? Hosts.Patience;
        }
    }
}
