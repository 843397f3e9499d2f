using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Subscriptions to patterns over several silos.</summary>
public sealed class PatternClusterTests : IAsyncLifetime
{
    private NotifyCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await NotifyCluster.StartAsync(3);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task Whatever_is_acknowledged_behind_the_reply_comes_from_whatever_silo_once_and_in_order()
    {
        // Channels that are there already, and some that are not; publishers that begin the moment the reply is there.
        for (var c = 0; c < 30; c += 2)
            await _cluster.Place($"room.{c}", _cluster.Silos[c % 3]);
        for (var round = 0; round < 5; round++)
        {
            await using var client = await _cluster.Silos[round % 3].WebSocket.Subscribed($"room.*", $"round{round}.**");

            await Task.WhenAll(Enumerable.Range(0, 30).Select(c => _cluster.Silos[(c + round) % 3].Http.PublishMany($"round{round}.{c}.x", 1, 4)));
            await Task.WhenAll(Enumerable.Range(0, 30).Select(c => _cluster.Silos[(c + round) % 3].Http.PublishMany($"room.{c}", 100, 103)));

            var events = await client.TakeEvents(30 * 8, timeout: TimeSpan.FromSeconds(30));
            foreach (var channel in events.GroupBy(e => e.Channel!))
            {
                Assert.Equal(channel.Key.StartsWith("room.", StringComparison.Ordinal) ? [100, 101, 102, 103] : [1, 2, 3, 4], channel.Numbers());
                var first = channel.First().Offset!.Value;
                Assert.Equal([first, first + 1, first + 2, first + 3], channel.Offsets());
            }
            Assert.Equal(60, events.GroupBy(e => e.Channel).Count());
            await client.Ping();
            Assert.Empty(client.UntakenEvents());
        }
    }

    [Fact]
    public async Task A_silo_that_joins_knows_the_patterns_before_it_has_a_channel()
    {
        await using var client = await _cluster.Silos[0].WebSocket.Subscribed("late.*");
        var joined = await _cluster.AddSiloAsync();

        for (var c = 0; c < 10; c++)
            await _cluster.Place($"late.{c}", joined);
        await Task.WhenAll(Enumerable.Range(0, 10).Select(c => _cluster.Silos[c % 4].Http.PublishMany($"late.{c}", 1, 3)));

        var events = await client.TakeEvents(30, timeout: TimeSpan.FromSeconds(30));
        Assert.All(events.GroupBy(e => e.Channel), channel => Assert.Equal([1, 2, 3], channel.Numbers()));
    }

    [Fact]
    public async Task When_a_silo_is_killed_its_channels_come_back_under_the_pattern_and_its_own_patterns_are_forgotten()
    {
        await using var client = await _cluster.Silos[0].WebSocket.Subscribed("kept.*");
        await using var lost = await _cluster.Silos[2].WebSocket.Subscribed("lost.*");
        for (var c = 0; c < 20; c++)
            await _cluster.Silos[1].Http.PublishMany($"kept.{c}", 1, 1);
        await client.TakeEvents(20);

        await _cluster.KillAsync(_cluster.Silos[2]);
        for (var c = 0; c < 20; c++)
            await Accepted($"kept.{c}");

        var events = await client.TakeEvents(20, timeout: TimeSpan.FromSeconds(30));
        Assert.Equal(20, events.Select(e => e.Channel).Distinct().Count());
        // What a dead front-end wanted holds up nobody who comes after it.
        await using var next = await _cluster.Silos[1].WebSocket.Subscribed("next.*");
        await _cluster.Silos[0].Http.PublishMany("next.1", 1, 1);
        Assert.Equal([1], (await next.TakeEvents(1)).Numbers());

        Task Accepted(string channel) => Until.Equal(
            202, $"the answer to a publication on {channel}", async () => (await _cluster.Silos[0].Http.Post("/api/events", $$"""{"channel":"{{channel}}","data":2}""", idempotencyKey: "2")).Status, TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_silo_of_a_version_without_patterns_holds_up_neither_channels_nor_patterns()
    {
        var started = 0;
        await using var cluster = await NotifyCluster.StartAsync(2, configure: (_, services) =>
        {
            if (Interlocked.Increment(ref started) == 1)
                services.PostConfigure<GrainTypeOptions>(grains => grains.Classes.RemoveWhere(grain => grain.Name == "PatternsGrain"));
        });
        var (older, newer) = (cluster.Silos[0], cluster.Silos[1]);

        await using var client = await newer.WebSocket.Subscribed("both.*");
        await cluster.Place("both.1", older);
        await cluster.Place("both.2", newer);
        await newer.Http.PublishMany("both.1", 1, 2);
        await older.Http.PublishMany("both.2", 3, 4);

        Assert.Equal([3, 4], (await client.TakeEvents(2)).Numbers()); // until the other's channels have come to a silo that knows
    }
}
