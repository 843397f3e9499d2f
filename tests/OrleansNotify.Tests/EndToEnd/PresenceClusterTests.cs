using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Presence over several silos, some of which end.</summary>
public sealed class PresenceClusterTests : IAsyncLifetime
{
    private static readonly Dictionary<string, string?> Settings = new() { ["Notify:Namespaces:default:Presence"] = "true" };

    private NotifyCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await NotifyCluster.StartAsync(3, Settings);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task Joins_and_leaves_come_from_whatever_silo_and_every_silo_knows_all()
    {
        await _cluster.Place("room", _cluster.Silos[1]);
        await using var watcher = await Watch(_cluster.Silos[0], "room");
        for (var round = 0; round < 5; round++)
        {
            var clients = await Task.WhenAll(_cluster.Silos.Select(silo => silo.WebSocket.Subscribed("room")));
            var joined = await Members(watcher, "join", 3);
            foreach (var silo in _cluster.Silos)
                Assert.Equal(joined, (await Listed(silo, "room")).Where(joined.Contains).Order());
            await Task.WhenAll(clients.Select(client => client.DisposeAsync().AsTask()));
            Assert.Equal(joined, await Members(watcher, "leave", 3));
        }
        Assert.Single(await Listed(_cluster.Silos[2], "room"));
    }

    [Fact]
    public async Task A_join_and_a_leave_are_seen_on_another_silo_within_1_s()
    {
        await _cluster.Place("room", _cluster.Silos[2]);
        await using var watcher = await Watch(_cluster.Silos[0], "room");
        List<TimeSpan> joins = [], leaves = [], ends = [];
        for (var round = 0; round < 9; round++)
        {
            await using var member = await WsClient.ConnectAsync(_cluster.Silos[1].WebSocket);
            joins.Add(await Seen("join", () => member.Send(new { type = "subscribe", channel = "room" })));
            leaves.Add(await Seen("leave", () => member.Send(new { type = "unsubscribe", channel = "room" })));
            await member.Subscribe("room");
            await watcher.Next("join");
            ends.Add(await Seen("leave", () => member.DisposeAsync().AsTask()));
        }

        // The median: a pause of the machine is not the promise's.
        foreach (var (what, times) in new[] { ("a join", joins), ("a leave", leaves), ("a leave with the connection", ends) })
            Assert.True(times.Order().ElementAt(times.Count / 2) <= TimeSpan.FromSeconds(1), $"{what} was seen after {string.Join(", ", times.Order())}");

        async Task<TimeSpan> Seen(string type, Func<Task> act)
        {
            var began = TimeProvider.System.GetTimestamp();
            await act();
            await watcher.Next(type);
            return TimeProvider.System.GetElapsedTime(began);
        }
    }

    [Fact]
    public async Task When_a_silo_is_killed_its_members_leave_and_nobody_else_does()
    {
        // Its own channel's silo, and one whose channel lives elsewhere.
        await _cluster.Place("here", _cluster.Silos[2]);
        await _cluster.Place("there", _cluster.Silos[1]);
        await using var here = await Watch(_cluster.Silos[0], "here");
        await using var there = await Watch(_cluster.Silos[0], "there");
        await using var stays = await _cluster.Silos[1].WebSocket.Subscribed("here", "there");
        var stayed = (await Members(here, "join", 1)).Single();
        Assert.Equal([stayed], await Members(there, "join", 1));
        await using var lost = await _cluster.Silos[2].WebSocket.Subscribed("here", "there");
        var gone = (await Members(here, "join", 1)).Single();
        Assert.Equal([gone], await Members(there, "join", 1));

        await _cluster.KillAsync(_cluster.Silos[2]);

        // Membership as Orleans has it by default needs seconds of its own.
        Assert.Equal([gone], await Members(there, "leave", 1, TimeSpan.FromSeconds(40)));
        Assert.Equal([gone], await Members(here, "leave", 1, TimeSpan.FromSeconds(40)));
        foreach (var channel in new[] { "here", "there" })
            await Until.Equal(2, $"members of {channel}", async () => (await Listed(_cluster.Silos[0], channel)).Length, TimeSpan.FromSeconds(30));
        await using var late = await _cluster.Silos[1].WebSocket.Subscribed("here", "there");
        var came = (await Members(here, "join", 1)).Single();
        Assert.Equal([came], await Members(there, "join", 1));
        Assert.Equal((3, 1), (here.Frames.Count(frame => frame.Type is "join"), here.Frames.Count(frame => frame.Type is "leave")));
        foreach (var channel in new[] { "here", "there" })
            Assert.Equal(2, (await Listed(_cluster.Silos[0], channel)).Count(id => id == stayed || id == came));
        Assert.DoesNotContain(gone, await Listed(_cluster.Silos[0], "here"));
    }

    [Fact]
    public async Task A_channel_that_moves_takes_its_members_along()
    {
        await _cluster.Place("room", _cluster.Silos[2]);
        await using var watcher = await Watch(_cluster.Silos[0], "room");
        await using var member = await _cluster.Silos[1].WebSocket.Subscribed("room");
        await Members(watcher, "join", 1);

        await _cluster.StopAsync(_cluster.Silos[2]);

        await using var late = await _cluster.Silos[1].WebSocket.Subscribed("room");
        await Members(watcher, "join", 1);
        Assert.Equal(3, (await Listed(_cluster.Silos[1], "room")).Length);
        await member.DisposeAsync();
        await Members(watcher, "leave", 1);
        Assert.Equal(3, watcher.Frames.Count(frame => frame.Type is "join" or "leave"));
    }

    [Fact]
    public async Task What_the_stream_loses_is_found_by_the_next_change_or_the_next_beat()
    {
        var loses = false;
        await using var cluster = await NotifyCluster.StartAsync(2, Settings, (_, services) =>
        {
            var original = services.Last(s => s.ServiceType == typeof(IFrontEnd));
            services.Replace(ServiceDescriptor.Singleton<IFrontEnd>(provider => new Forgetful((IFrontEnd)original.ImplementationFactory!(provider), () => Volatile.Read(ref loses))));
        });
        await using var watcher = await Watch(cluster.Silos[0], "room");
        Volatile.Write(ref loses, true);
        await using var first = await cluster.Silos[1].WebSocket.Subscribed("room");
        var joined = await Members(watcher, "join", 1, TimeSpan.FromSeconds(10)); // by a beat
        Assert.Equal(2, (await Listed(cluster.Silos[0], "room")).Length);

        await using var second = await cluster.Silos[1].WebSocket.Subscribed("room");
        await Until.Equal(3, "members", async () => (await Listed(cluster.Silos[0], "room")).Length);
        Volatile.Write(ref loses, false);
        await using var third = await cluster.Silos[1].WebSocket.Subscribed("room");
        Assert.Equal(2, (await Members(watcher, "join", 2)).Except(joined).Count());
        Assert.Equal(3, watcher.Frames.Count(frame => frame.Type is "join" or "leave"));
    }

    private static async Task<WsClient> Watch(NotifySilo silo, string channel)
    {
        var client = await WsClient.ConnectAsync(silo.WebSocket, timeout: TimeSpan.FromSeconds(30));
        await client.Send(new { type = "subscribe", channel, presence = true });
        await client.Next("subscribed");
        return client;
    }

    private static async Task<string[]> Members(WsClient watcher, string type, int count, TimeSpan? timeout = null)
    {
        List<string> members = [];
        for (var i = 0; i < count; i++)
            members.Add((await watcher.Next(type, timeout)).Json.GetProperty("member").GetProperty("connection").GetString()!);
        return [.. members.Order()];
    }

    private static async Task<string[]> Listed(NotifySilo silo, string channel)
    {
        var (_, presence) = await silo.Http.Get($"/api/channels/{channel}/presence");
        return [.. presence.GetProperty("members").EnumerateArray().Select(m => m.GetProperty("connection").GetString()!).Order()];
    }

    private sealed class Forgetful(IFrontEnd receiver, Func<bool> loses) : IFrontEnd
    {
        public void Receive(StreamEnvelope envelope, bool more) =>
            receiver.Receive(envelope.Presence is not null && loses() ? envelope with { Presence = null } : envelope, more);
    }
}
