using Orleans.Configuration;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels;

public sealed class ChannelLifetimeTests : IAsyncLifetime
{
    private ChannelCluster _cluster = null!;

    private ChannelSilo Silo => _cluster.Silos[0];

    public async Task InitializeAsync() => _cluster = await ChannelCluster.StartAsync(
        1,
        silo => silo.Configure<GrainCollectionOptions>(collection =>
        {
            collection.CollectionQuantum = TimeSpan.FromMilliseconds(100);
            collection.ClassSpecificCollectionAge[ChannelHosting.GrainClass] = TimeSpan.FromMilliseconds(300);
        }),
        ("Namespaces:default:HistoryTtl", "00:00:01"),
        ("Beats:Period", "00:00:00.05"),
        ("Beats:Lease", "00:00:02"));

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_channel_outlives_its_last_use_by_its_history_and_ends_then()
    {
        await Silo.Channel("idle").GetPosition();
        await Silo.Channel("history").Publish(Some.Drafts(1));
        await Silo.Channel("key").Publish([Some.Draft(key: "k")]);
        Assert.Equal(["history", "idle", "key"], Alive);

        await Until.True("the idle one is collected", () => !Alive.Contains("idle"));
        Assert.Equal(["history", "key"], Alive);
        await Until.True("history has aged out", () => !Alive.Contains("history"));
        Assert.Equal(["key"], Alive); // for another 5 minutes
    }

    [Fact]
    public async Task An_attached_channel_stays_until_it_is_detached_or_the_lease_has_run_out()
    {
        await Silo.Channel("detached").Attach(FrontEnds.A.Attach());
        await Silo.Channel("leased").Attach(FrontEnds.B.Attach());
        await Silo.Channel("idle").GetPosition();
        await Until.True("the idle one is collected", () => !Alive.Contains("idle"));
        Assert.Equal(["detached", "leased"], Alive);

        await Silo.Channel("detached").Detach(FrontEnds.A, 1);
        await Until.True("the detached one is collected", () => !Alive.Contains("detached"));
        await Until.True("nobody answers for the leased one", () => !Alive.Contains("leased"));
        Assert.Empty(Silo.Table.List(null, 10));
    }

    [Fact]
    public async Task A_channel_is_collected_as_long_after_its_last_use_as_configured()
    {
        await using var cluster = await ChannelCluster.StartAsync(1, null, ("Channels:CollectAfter", "00:00:01"));
        var silo = cluster.Silos[0];
        await silo.Channel("idle").GetPosition();
        Assert.Single(silo.Table.List(null, 10));

        await Until.True("the idle one is collected", () => silo.Table.List(null, 10).Length == 0); // 2 minutes by default
    }

    private string[] Alive => [.. Silo.Table.List(null, 10).Select(c => c.Name)];
}
