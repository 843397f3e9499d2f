using OrleansNotify.Cluster.Tests.Rig;
using Xunit.Abstractions;

namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>What happens to the store, under load: subscribers stay connected, recoverable channels go on, durable ones say so and go on by themselves.</summary>
public sealed class StoreTests(ITestOutputHelper output)
{
    [Fact]
    public Task Redis_is_killed_and_comes_back() => Scenario.Play(output, async () =>
    {
        await using var store = await RedisBackEnd.StartAsync();
        await GoesAndComesBack(store);
    });

    [Fact]
    public Task Azurite_is_stopped_and_comes_back() => Scenario.Play(output, async () =>
    {
        await using var store = await AzuriteBackEnd.StartAsync();
        await GoesAndComesBack(store);
    });

    [Fact]
    public Task The_store_stands_still_and_goes_on() => Scenario.Play(output, async () =>
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var run = await ClusterRun.StartAsync(output, store);
        run.Note("the store stands still");
        store.Pause();
        await run.Seconds(8);
        store.Resume();
        run.Note("the store goes on");
        await run.Seconds(8);
        await run.Expect(Limits.SubscribersStayedAndChannelsHealed);
    });

    private async Task GoesAndComesBack(BackEnd store)
    {
        await using var run = await ClusterRun.StartAsync(output, store);
        run.Note("the store ends");
        await store.StopAsync();
        await run.Seconds(8);
        await store.RestartAsync();
        run.Note("the store is back");
        await run.Seconds(8);
        await run.Expect(Limits.SubscribersStayedAndChannelsHealed);
    }
}
