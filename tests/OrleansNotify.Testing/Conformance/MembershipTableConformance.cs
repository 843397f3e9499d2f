using System.Net;
using Orleans.Messaging;
using Xunit;

namespace OrleansNotify.Testing.Conformance;

/// <summary>
/// What Orleans' runtime relies on in an <see cref="IMembershipTable"/>. A provider's tests derive from it and say how it is opened. Orleans' own in-memory
/// tables (10.4) are left out: both are internal, the silo's one has itself as its first member and throws once emptied, the TestingHost's serves tests only.
/// </summary>
public abstract class MembershipTableConformance
{
    private static readonly DateTime Started = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private static int _generation = 1_000;

    /// <summary>Opens the table of a cluster. The same store each time, initialized with tryInitTableVersion.</summary>
    protected abstract Task<IMembershipTable> Open(string clusterId);

    /// <summary>Opens the list of gateways of a cluster; null where the provider has none of its own.</summary>
    protected virtual Task<IGatewayListProvider?> OpenGateways(string clusterId) => Task.FromResult<IGatewayListProvider?>(null);

    /// <summary>Whether a stale ETag of a row alone makes an update fail. Redis looks at the table's version only, which every change of a row raises.</summary>
    protected virtual bool ChecksRowETags => true;

    /// <summary>Whether clean-up drops silos that never became dead (joining, stopping) and were not heard of for as long. Some providers keep them.</summary>
    protected virtual bool CleansUpAllButActive => true;

    [Fact]
    public async Task An_empty_table_has_version_0_an_ETag_and_no_members()
    {
        var table = await Open(NewCluster());

        var data = await table.ReadAllAsync();

        Assert.Equal(0, data.Version.Version);
        Assert.NotNull(data.Version.VersionEtag);
        Assert.Empty(data.Members);
    }

    [Fact]
    public async Task Initializing_again_keeps_what_is_there()
    {
        var cluster = NewCluster();
        var table = await Open(cluster);
        Assert.True(await table.InsertRowAsync(Silo(), (await table.ReadAllAsync()).Version.Next()));

        await table.InitializeMembershipTableAsync(tryInitTableVersion: true);
        var again = await Open(cluster);

        Assert.Equal(1, (await again.ReadAllAsync()).Version.Version);
        Assert.Single((await again.ReadAllAsync()).Members);
    }

    [Fact]
    public async Task An_insert_raises_the_version_by_one()
    {
        var table = await Open(NewCluster());
        var silo = Silo();

        Assert.True(await table.InsertRowAsync(silo, (await table.ReadAllAsync()).Version.Next()));

        var data = await table.ReadAllAsync();
        Assert.Equal(1, data.Version.Version);
        var (entry, etag) = Assert.Single(data.Members);
        Assert.Equal(silo.SiloAddress, entry.SiloAddress);
        Assert.False(string.IsNullOrEmpty(etag));
    }

    [Fact]
    public async Task An_insert_with_an_old_version_or_of_a_silo_that_is_there_changes_nothing()
    {
        var table = await Open(NewCluster());
        var silo = Silo();
        var first = (await table.ReadAllAsync()).Version.Next();
        Assert.True(await table.InsertRowAsync(silo, first));
        var second = (await table.ReadAllAsync()).Version.Next();

        Assert.False(await table.InsertRowAsync(silo, first));
        Assert.False(await table.InsertRowAsync(Silo(), first));
        Assert.False(await table.InsertRowAsync(silo, second));

        var row = await table.ReadRowAsync(silo.SiloAddress);
        Assert.Single(row.Members);
        Assert.Equal(1, row.Version.Version);
        Assert.Equal(second.VersionEtag, row.Version.VersionEtag);
    }

    [Fact]
    public async Task A_silo_that_is_not_there_reads_as_the_version_alone()
    {
        var table = await Open(NewCluster());
        Assert.True(await table.InsertRowAsync(Silo(), (await table.ReadAllAsync()).Version.Next()));

        var row = await table.ReadRowAsync(Silo().SiloAddress);

        Assert.Empty(row.Members);
        Assert.Equal(1, row.Version.Version);
    }

    [Fact]
    public async Task An_update_needs_the_newest_version()
    {
        var table = await Open(NewCluster());
        var silo = Silo();
        var first = (await table.ReadAllAsync()).Version.Next();
        Assert.True(await table.InsertRowAsync(silo, first));
        var read = await table.ReadRowAsync(silo.SiloAddress);
        var oldTag = read.Members[0].Item2;
        var second = read.Version.Next();
        silo.Status = SiloStatus.Active;

        Assert.False(await table.UpdateRowAsync(silo, oldTag, first));
        Assert.True(await table.UpdateRowAsync(silo, oldTag, second));
        Assert.False(await table.UpdateRowAsync(silo, oldTag, second));

        read = await table.ReadRowAsync(silo.SiloAddress);
        var newTag = read.Members[0].Item2;
        Assert.False(await table.UpdateRowAsync(silo, newTag, second));
        if (ChecksRowETags)
        {
            Assert.NotEqual(oldTag, newTag);
            Assert.False(await table.UpdateRowAsync(silo, oldTag, read.Version.Next()));
        }

        var last = await table.ReadRowAsync(silo.SiloAddress);
        Assert.Equal(newTag, last.Members[0].Item2);
        Assert.Equal(2, last.Version.Version);
        Assert.Equal(SiloStatus.Active, last.Members[0].Item1.Status);
    }

    [Fact]
    public async Task An_update_of_a_silo_that_is_not_there_changes_nothing()
    {
        if (!ChecksRowETags)
            return; // such a table has no row to compare with, and takes it as an insert
        var table = await Open(NewCluster());
        var there = Silo();
        Assert.True(await table.InsertRowAsync(there, (await table.ReadAllAsync()).Version.Next()));
        var data = await table.ReadAllAsync();

        Assert.False(await UpdateOrFault(table, Silo(), data.Members[0].Item2, data.Version.Next()));

        Assert.Equal(1, (await table.ReadAllAsync()).Version.Version);
        Assert.Equal(there.SiloAddress, Assert.Single((await table.ReadAllAsync()).Members).Item1.SiloAddress);
    }

    [Fact]
    public async Task Every_field_comes_back()
    {
        var table = await Open(NewCluster());
        var silo = Silo();
        silo.Status = SiloStatus.ShuttingDown;
        silo.RoleName = "Роль";
        silo.FaultZone = 3;
        silo.UpdateZone = 4;
        var (one, two) = (Silo().SiloAddress, Silo().SiloAddress);
        silo.AddSuspector(one, Started.AddMinutes(1));
        silo.AddSuspector(two, Started.AddMinutes(2));
        Assert.True(await table.InsertRowAsync(silo, (await table.ReadAllAsync()).Version.Next()));

        var read = (await table.ReadRowAsync(silo.SiloAddress)).Members[0].Item1;

        Assert.Equal(silo.SiloAddress, read.SiloAddress);
        Assert.Equal(SiloStatus.ShuttingDown, read.Status);
        Assert.Equal(silo.HostName, read.HostName);
        Assert.Equal(silo.SiloName, read.SiloName);
        Assert.Equal("Роль", read.RoleName);
        Assert.Equal(silo.ProxyPort, read.ProxyPort);
        Assert.Equal((3, 4), (read.FaultZone, read.UpdateZone));
        Assert.Equal(silo.StartTime, read.StartTime);
        Assert.Equal(silo.IAmAliveTime, read.IAmAliveTime);
        Assert.Equal([one, two], read.SuspectTimes!.Select(suspect => suspect.Item1));
        Assert.Equal([Started.AddMinutes(1), Started.AddMinutes(2)], read.SuspectTimes!.Select(suspect => suspect.Item2));
    }

    [Fact]
    public async Task Of_20_equal_inserts_at_once_one_succeeds()
    {
        var table = await Open(NewCluster());
        var silo = Silo();
        var next = (await table.ReadAllAsync()).Version.Next();

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => table.InsertRowAsync(silo, next)));

        Assert.Equal(1, outcomes.Count(inserted => inserted));
        Assert.Equal(1, (await table.ReadAllAsync()).Version.Version);
    }

    [Fact]
    public async Task Nineteen_writers_at_once_all_get_through_one_by_one()
    {
        var table = await Open(NewCluster());
        var silo = Silo();
        Assert.True(await table.InsertRowAsync(silo, (await table.ReadAllAsync()).Version.Next()));

        await Task.WhenAll(Enumerable.Range(0, 19).Select(_ => Update())).WaitAsync(TimeSpan.FromSeconds(90), TimeProvider.System);

        var data = await table.ReadAllAsync();
        Assert.Equal(20, data.Version.Version);
        Assert.Single(data.Members);

        async Task Update()
        {
            while (true)
            {
                var read = await table.ReadRowAsync(silo.SiloAddress);
                var (entry, etag) = read.Members[0];
                if (await table.UpdateRowAsync(entry, etag, read.Version.Next()))
                    return;
            }
        }
    }

    [Fact]
    public async Task A_sign_of_life_changes_its_time_and_nothing_else()
    {
        var table = await Open(NewCluster());
        var silo = Silo();
        silo.Status = SiloStatus.Active;
        Assert.True(await table.InsertRowAsync(silo, (await table.ReadAllAsync()).Version.Next()));
        var later = Started.AddHours(1);

        await table.UpdateIAmAliveAsync(new MembershipEntry { SiloAddress = silo.SiloAddress, IAmAliveTime = later });

        var data = await table.ReadAllAsync();
        var entry = Assert.Single(data.Members).Item1;
        Assert.Equal(later, entry.IAmAliveTime);
        Assert.Equal(1, data.Version.Version);
        Assert.Equal(SiloStatus.Active, entry.Status);
        Assert.Equal(silo.StartTime, entry.StartTime);
        Assert.Equal(silo.HostName, entry.HostName);
        Assert.Equal(silo.ProxyPort, entry.ProxyPort);
    }

    [Fact]
    public async Task Clean_up_drops_what_is_dead_and_old_and_keeps_the_rest()
    {
        var table = await Open(NewCluster());
        var before = Started.AddDays(1);
        var dead = Silo(SiloStatus.Dead, Started);
        var joining = Silo(SiloStatus.Joining, Started);
        var active = Silo(SiloStatus.Active, Started);
        var freshDead = Silo(SiloStatus.Dead, before.AddMinutes(1));
        var heardLate = Silo(SiloStatus.Dead, Started);
        heardLate.IAmAliveTime = before.AddMinutes(1);
        foreach (var silo in (MembershipEntry[])[dead, joining, active, freshDead, heardLate])
            Assert.True(await table.InsertRowAsync(silo, (await table.ReadAllAsync()).Version.Next()));

        await table.CleanupDefunctSiloEntriesAsync(new DateTimeOffset(before));

        var left = await table.ReadAllAsync();
        MembershipEntry[] expected = CleansUpAllButActive ? [active, freshDead, heardLate] : [joining, active, freshDead, heardLate];
        Assert.Equal(
            expected.Select(silo => silo.SiloAddress.ToString()).Order(StringComparer.Ordinal),
            left.Members.Select(member => member.Item1.SiloAddress.ToString()).Order(StringComparer.Ordinal));
        Assert.Equal(5, left.Version.Version);
    }

    [Fact]
    public async Task Clean_up_takes_more_rows_than_one_batch()
    {
        var table = await Open(NewCluster());
        var version = (await table.ReadAllAsync()).Version;
        for (var i = 0; i < 120; i++)
        {
            Assert.True(await table.InsertRowAsync(Silo(SiloStatus.Dead, Started), version.Next()));
            version = (await table.ReadRowAsync(Silo().SiloAddress)).Version;
        }

        await table.CleanupDefunctSiloEntriesAsync(new DateTimeOffset(Started.AddDays(1)));

        Assert.Empty((await table.ReadAllAsync()).Members);
    }

    [Fact]
    public async Task Gateways_are_the_active_silos_that_have_one()
    {
        var cluster = NewCluster();
        var table = await Open(cluster);
        if (await OpenGateways(cluster) is not { } gateways)
            return; // no list of its own: nothing to agree on
        Assert.Empty(await gateways.GetGatewaysAsync());
        var active = Silo(SiloStatus.Active, Started);
        var without = Silo(SiloStatus.Active, Started);
        without.ProxyPort = 0;
        foreach (var silo in (MembershipEntry[])[active, without, Silo(SiloStatus.Joining, Started), Silo(SiloStatus.Dead, Started)])
            Assert.True(await table.InsertRowAsync(silo, (await table.ReadAllAsync()).Version.Next()));

        var found = await gateways.GetGatewaysAsync();

        var expected = SiloAddress.New(new IPEndPoint(active.SiloAddress.Endpoint.Address, active.ProxyPort), active.SiloAddress.Generation);
        Assert.Equal(expected.ToGatewayUri(), Assert.Single(found));
        Assert.True(gateways.MaxStaleness > TimeSpan.Zero);
    }

    [Fact]
    public async Task Clusters_in_one_store_do_not_see_each_other()
    {
        var (first, second) = (NewCluster(), NewCluster());
        var (one, two) = (await Open(first), await Open(second));
        var (here, there) = (Silo(), Silo());
        Assert.True(await one.InsertRowAsync(here, (await one.ReadAllAsync()).Version.Next()));
        Assert.True(await two.InsertRowAsync(there, (await two.ReadAllAsync()).Version.Next()));
        Assert.Equal(here.SiloAddress, Assert.Single((await one.ReadAllAsync()).Members).Item1.SiloAddress);

        await one.DeleteMembershipTableEntriesAsync(first);

        Assert.Equal(there.SiloAddress, Assert.Single((await two.ReadAllAsync()).Members).Item1.SiloAddress);
        Assert.Empty((await (await Open(first)).ReadAllAsync()).Members);
    }

    [Fact]
    public async Task A_cancelled_read_is_cancelled()
    {
        var table = await Open(NewCluster());
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => table.ReadAllAsync(cancelled.Token));
    }

    /// <summary>A silo nobody else is.</summary>
    protected static MembershipEntry Silo(SiloStatus status = SiloStatus.Joining, DateTime? time = null)
    {
        var generation = Interlocked.Increment(ref _generation);
        return new MembershipEntry
        {
            SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Parse("10.1.2.3"), 4_000 + generation % 1_000), generation),
            HostName = "host",
            SiloName = $"silo-{generation}",
            RoleName = "role",
            Status = status,
            ProxyPort = 5_000 + generation % 1_000,
            StartTime = time ?? Started,
            IAmAliveTime = time ?? Started.AddSeconds(30),
        };
    }

    /// <summary>A cluster nobody else is in.</summary>
    protected static string NewCluster() => $"cluster-{Guid.NewGuid():N}";

    private static async Task<bool> UpdateOrFault(IMembershipTable table, MembershipEntry entry, string etag, TableVersion version)
    {
        try
        {
            return await table.UpdateRowAsync(entry, etag, version);
        }
        catch (Exception refused) when (refused is KeyNotFoundException or ArgumentException)
        {
            return false;
        }
    }
}
