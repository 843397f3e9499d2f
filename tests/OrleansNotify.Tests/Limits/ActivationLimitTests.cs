using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Orleans.Runtime.Placement;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Channels;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Limits;

/// <summary>How many channels may come to life on a silo in a second. But where a silo is killed, the limit's clock stands still until a test says otherwise.</summary>
public sealed class ActivationLimitTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task One_too_many_is_refused_whatever_it_is_asked_and_lives_when_there_is_room()
    {
        await using var cluster = await ChannelCluster.StartAsync(1, silo => Limit(silo.Services, 2));
        var silo = cluster.Silos[0];
        await silo.Channel("a").Publish([Some.Draft("1")]);
        await silo.Channel("b").Attach(FrontEnds.A.Attach());
        var refused = silo.Channel("c");

        Assert.Equal([new PublishResult(PublishRefusal.NotAccepted, null, default)], await refused.Publish([Some.Draft("1")]));
        Assert.Equal(new AttachReply(Superseded: true, default, silo.Address, Recoverable: false), await refused.Attach(FrontEnds.A.Attach()));
        await refused.Detach(FrontEnds.A, 1);
        await Assert.ThrowsAsync<OrleansException>(async () => await refused.GetPosition());
        await Assert.ThrowsAsync<OrleansException>(async () => await refused.Read(new HistoryRequest(0, ulong.MaxValue, 1, false, default)));
        await Assert.ThrowsAsync<OrleansException>(async () => await refused.Erase());
        await Assert.ThrowsAsync<OrleansException>(async () => await refused.GetPresence(true));
        Assert.Equal(["a", "b"], silo.Table.List(null, 10).Select(channel => channel.Name));
        await Until.Equal(2, "channels in memory", () => InMemory(silo.Handle.ServiceProvider));
        // Those that live are not concerned, nor is what every connection gets.
        Assert.Equal(2UL, (await silo.Channel("a").Publish([Some.Draft("2")]))[0].Position.Offset);
        Assert.Equal(1UL, (await silo.Channel(ChannelName.Broadcast).Publish([Some.Draft("1")]))[0].Position.Offset);

        _time.Advance(TimeSpan.FromSeconds(0.5));

        Assert.Equal(1UL, (await refused.Publish([Some.Draft("1")]))[0].Position.Offset);
        Assert.Equal(PublishRefusal.NotAccepted, (await silo.Channel("d").Publish([Some.Draft("1")]))[0].Refusal);
    }

    [Fact]
    public async Task Channels_that_move_here_are_let_in_however_many()
    {
        const int Each = 5;
        await using var cluster = await ChannelCluster.StartAsync(2, silo => Limit(silo.Services, Each));
        var (stays, stops) = (cluster.Silos[0], cluster.Silos[1]);
        for (var n = 0; n < Each; n++)
        {
            await stays.Host(FrontEnds.Name(n), FrontEnds.A.Attach());
            await (await stops.Host(FrontEnds.Name(Each + n), FrontEnds.A.Attach())).Publish([Some.Draft("1")]);
        }

        await cluster.StopAsync(stops);

        Assert.Equal([.. Enumerable.Repeat(0UL, Each), .. Enumerable.Repeat(1UL, Each)], stays.Table.List(null, 100).Select(channel => channel.Position.Offset));
    }

    [Fact]
    public async Task A_publisher_is_told_at_once_and_a_subscriber_when_trying_has_not_helped()
    {
        await using var server = await RunningServer.StartAsync(configure: services => Limit(services, 1));
        await server.Http.Publish("a", "1");
        await using var patient = await WsClient.ConnectAsync(server.WebSocket);
        await using var client = await server.WebSocket.Subscribed("a");
        await patient.Send("""{"type":"subscribe","channel":"b","id":1}""");

        var (status, problem) = await server.Http.Post("/api/events", """{"channel":"c","data":1}""");
        Assert.Equal((503, "not_accepted"), (status, problem.GetProperty("outcome").GetString()));
        Assert.Equal(503, (await server.Http.Get("/api/channels/c")).Status);
        await server.Http.Publish("a", "2");
        Assert.Equal(2UL, (await client.Next("event")).Offset);
        _time.Advance(TimeSpan.FromSeconds(1));
        await patient.Next("subscribed");

        await client.Send("""{"type":"subscribe","channel":"d","id":2}""");
        var error = await client.Next("error", TimeSpan.FromSeconds(30));
        Assert.Equal((100, "d", 2), (error.Code, error.Channel, error.Json.GetProperty("id").GetInt32()));
        Assert.Single(server.Log.Entries, entry => entry.StartsWith($"Warning {typeof(ActivationLimit)}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_channels_of_a_killed_silo_come_back_as_fast_as_they_may_and_lose_nothing_that_was_acknowledged()
    {
        string[] channels = [.. Enumerable.Range(0, 60).Select(i => $"back{i}")];
        await using var cluster = await NotifyCluster.StartAsync(2, new() { ["Notify:Limits:ActivationsPerSecond"] = "20" });
        var (survivor, victim) = (cluster.Silos[0], cluster.Silos[1]);
        foreach (var channel in channels)
        {
            RequestContext.Set(IPlacementDirector.PlacementHintKey, victim.Address);
            await Until.True($"{channel} lives", async () => (await cluster.Client.GetGrain<IChannelGrain>(channel).Publish([Some.Draft("""{"n":0}""")]))[0].Refusal == PublishRefusal.None);
        }
        RequestContext.Clear();
        Assert.Equal(channels.Length, Hosted(victim, channels));
        await using var client = await survivor.WebSocket.Subscribed(channels);
        await Task.WhenAll(channels.Select(channel => survivor.Http.PublishMany(channel, 1, 3)));
        foreach (var channel in channels)
            Assert.Equal([2, 3, 4], (await client.TakeEvents(3, channel)).Select(e => (int)e.Offset!));
        var before = Refused(survivor);

        await cluster.KillAsync(victim);
        await Task.WhenAll(channels.Select(async channel =>
        {
            for (var n = 4; n <= 6; n++)
                await ClusterTests.PublishUntilAccepted(survivor.Http, channel, n);
        }));

        foreach (var channel in channels)
        {
            var events = await client.TakeEvents(3, channel, TimeSpan.FromSeconds(30));
            Assert.Equal([4, 5, 6], events.Numbers());
            Assert.Equal([1UL, 2UL, 3UL], events.Offsets());
            Assert.NotNull(events[0].Epoch);
        }
        Assert.Equal(channels.Length, Hosted(survivor, channels));
        Assert.InRange(Refused(survivor) - before, 1, long.MaxValue);
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    private void Limit(IServiceCollection services, int perSecond) =>
        services.AddSingleton(provider => new ActivationLimit(
            Options.Create(new ActivationOptions { PerSecond = perSecond }), _time, provider.GetRequiredService<ILogger<ActivationLimit>>()));

    private static long Refused(NotifySilo silo) => silo.Services.GetRequiredService<ActivationLimit>().Refused;

    private static int Hosted(NotifySilo silo, string[] channels) =>
        silo.Services.GetRequiredService<AttachmentTable>().List(null, 1000).Count(channel => channels.Contains(channel.Name));

    private static async Task<int> InMemory(IServiceProvider silo) =>
        (await silo.GetRequiredService<IGrainFactory>().GetGrain<IManagementGrain>(0).GetDetailedGrainStatistics())
        .Count(grain => grain.GrainId.Type.ToString() == ChannelGrain.TypeName);
}
