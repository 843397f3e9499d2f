using System.Text.Json;
using Orleans.Runtime.Placement;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Three silos with real sockets on each.</summary>
public sealed class ClusterTests : IAsyncLifetime
{
    private NotifyCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await NotifyCluster.StartAsync(3);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task What_is_published_on_any_silo_reaches_the_clients_of_all_in_one_order()
    {
        var clients = await Task.WhenAll(_cluster.Silos.Select(s => s.WebSocket.Subscribed("all")));

        await Task.WhenAll(_cluster.Silos.Select((silo, i) => silo.Http.PublishMany("all", (i * 1000) + 1, (i * 1000) + 100)));

        var orders = new List<IEnumerable<int>>();
        foreach (var client in clients)
        {
            var events = await client.TakeEvents(300);
            Assert.Equal(Enumerable.Range(1, 300).Select(o => (ulong)o), events.Offsets());
            orders.Add(events.Numbers());
        }
        Assert.Equal(orders[0], orders[1]);
        Assert.Equal(orders[0], orders[2]);
        for (var silo = 0; silo < 3; silo++)
            Assert.Equal(Enumerable.Range((silo * 1000) + 1, 100), orders[0].Where(n => n / 1000 == silo));
        await DisposeAll(clients);
    }

    [Fact]
    public async Task Statistics_and_connections_are_those_of_the_whole_cluster()
    {
        var clients = new List<WsClient>();
        foreach (var silo in _cluster.Silos)
        {
            clients.Add(await silo.WebSocket.Subscribed("counted"));
            clients.Add(await silo.WebSocket.Subscribed("counted", "other"));
        }

        foreach (var silo in _cluster.Silos)
        {
            await Until.Equal((6, 6), "cluster-wide counts", () => silo.Http.Stats("counted"), TimeSpan.FromSeconds(1));
            var (_, page) = await silo.Http.Get("/api/connections?channel=other");
            Assert.Equal(3, page.GetProperty("connections").GetArrayLength());
        }
        var (_, all) = await _cluster.Silos[0].Http.Get("/api/connections?limit=4");
        var first = all.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("id").GetString()!).ToList();
        var (_, rest) = await _cluster.Silos[1].Http.Get($"/api/connections?limit=4&after={first[^1]}");
        var ids = first.Concat(rest.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("id").GetString()!)).ToList();
        Assert.Equal(6, ids.Distinct().Count());

        Assert.Equal(204, await _cluster.Silos[2].Http.Delete($"/api/connections/{ids[0]}"));
        await Until.Equal((5, 5), "counts behind a disconnect", () => _cluster.Silos[1].Http.Stats("counted"));
        await Until.True("one client is closed", () => clients.Count(c => c.Ended.IsCompleted) == 1);
        Assert.Equal(3503, (await clients.Single(c => c.Ended.IsCompleted).Closed()).Code);
        await DisposeAll(clients);
    }

    [Fact]
    public async Task A_closed_connection_leaves_the_counts_of_the_cluster_within_300_ms()
    {
        var client = await _cluster.Silos[2].WebSocket.Subscribed("leaving");
        await Until.Equal((1, 1), "counted", () => _cluster.Silos[0].Http.Stats("leaving"));

        client.Abort();
        await Until.Equal((0, 0), "gone on its own silo", () => _cluster.Silos[2].Http.Stats("leaving"));
        // PROMISES P9: 300 ms when nothing is wrong; the bound is doubled for a test machine with two busy cores.
        await Until.Equal((0, 0), "gone everywhere", () => _cluster.Silos[0].Http.Stats("leaving"), TimeSpan.FromMilliseconds(600));
        await client.DisposeAsync();
    }

    [Fact]
    public async Task Stopping_a_silo_gracefully_under_load_loses_nothing_and_keeps_the_epochs()
    {
        string[] channels = [.. Enumerable.Range(0, 12).Select(i => $"drain{i}")];
        await using var client = await _cluster.Silos[0].WebSocket.Subscribed(channels);
        using var stop = new CancellationTokenSource();
        var acknowledged = new int[channels.Length];
        var publishing = Task.WhenAll(channels.Select((channel, i) => Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
                await PublishWithOneRetry(_cluster.Silos[0].Http, channel, ++acknowledged[i]);
        })));
        await Until.True("all are published to", () => acknowledged.All(n => n > 20));

        await _cluster.StopAsync(_cluster.Silos[2]);
        var atStop = acknowledged.ToArray();
        await Until.True("all are published to on the others", () => acknowledged.Zip(atStop).All(n => n.First > n.Second + 20));
        await stop.CancelAsync();
        await publishing;

        for (var i = 0; i < channels.Length; i++)
        {
            var events = await client.TakeEvents(acknowledged[i], channels[i]);
            Assert.Equal(Enumerable.Range(1, acknowledged[i]), events.Numbers());
            Assert.DoesNotContain(events, e => e.Epoch is not null);
        }
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task Killing_a_silo_leaves_surviving_channels_whole_and_tells_new_epochs()
    {
        string[] channels = [.. Enumerable.Range(0, 24).Select(i => $"kill{i}")];
        var victim = _cluster.Silos[2];
        for (var i = 0; i < channels.Length; i++)
        {
            RequestContext.Set(IPlacementDirector.PlacementHintKey, _cluster.Silos[i % 3].Address);
            await _cluster.Client.GetGrain<IChannelGrain>(channels[i]).GetPosition();
        }
        RequestContext.Clear();
        await using var client = await WsClient.ConnectAsync(_cluster.Silos[0].WebSocket);
        foreach (var channel in channels)
            await client.Subscribe(channel, "\"history\":1");
        foreach (var channel in channels)
            await _cluster.Silos[0].Http.PublishMany(channel, 1, 5);
        foreach (var channel in channels)
            Assert.Equal([1, 2, 3, 4, 5], (await client.TakeEvents(5, channel)).Numbers());
        var lost = new List<string>();
        foreach (var channel in channels)
        {
            // Number -1 changes nothing: the answer tells where the channel lives.
            var attachment = new Attachment(_cluster.Silos[0].Address, -1, ChannelEpoch.None);
            if ((await _cluster.Client.GetGrain<IChannelGrain>(channel).Attach(attachment)).Host.Equals(victim.Address))
                lost.Add(channel);
        }
        Assert.Equal(8, lost.Count);

        await _cluster.KillAsync(victim);
        foreach (var channel in channels)
        {
            for (var n = 6; n <= 10; n++)
                await PublishUntilAccepted(_cluster.Silos[0].Http, channel, n);
        }

        foreach (var channel in channels)
        {
            var events = await client.TakeEvents(5, channel);
            Assert.Equal([6, 7, 8, 9, 10], events.Numbers());
            if (lost.Contains(channel))
            {
                Assert.Equal([1UL, 2UL, 3UL, 4UL, 5UL], events.Offsets());
                var position = await client.Take("position", channel);
                Assert.False(position.GetProperty("recovered").GetBoolean());
                Assert.Equal(position.GetProperty("epoch").GetString(), events[0].Epoch);
            }
            else
            {
                Assert.Equal([6UL, 7UL, 8UL, 9UL, 10UL], events.Offsets());
                Assert.DoesNotContain(events, e => e.Epoch is not null);
            }
        }
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task A_silo_that_joins_serves_at_once()
    {
        await using var old = await _cluster.Silos[0].WebSocket.Subscribed("joined");
        var silo = await _cluster.AddSiloAsync();
        await using var client = await silo.WebSocket.Subscribed("joined");

        await silo.Http.PublishMany("joined", 1, 3);
        await _cluster.Silos[1].Http.PublishMany("joined", 4, 6);

        Assert.Equal([1, 2, 3, 4, 5, 6], (await client.TakeEvents(6)).Numbers());
        Assert.Equal([1, 2, 3, 4, 5, 6], (await old.TakeEvents(6)).Numbers());
    }

    // PROMISES P11: publishers see no error that one retry, with the same key, does not cure.
    private static async Task PublishWithOneRetry(HttpClient http, string channel, int n)
    {
        var body = $$$"""{"channel":"{{{channel}}}","data":{"n":{{{n}}}}}""";
        var (status, answer) = await http.Post("/api/events", body, idempotencyKey: $"{channel}-{n}");
        if (status != 202)
            (status, answer) = await http.Post("/api/events", body, idempotencyKey: $"{channel}-{n}");
        Assert.True(status == 202, $"publish answered {status} twice: {answer}");
    }

    internal static async Task PublishUntilAccepted(HttpClient http, string channel, int n)
    {
        JsonElement answer = default;
        await Until.True(
            $"{channel} accepts {n}",
            async () =>
            {
                (var status, answer) = await http.Post("/api/events", $$$"""{"channel":"{{{channel}}}","data":{"n":{{{n}}}}}""", idempotencyKey: $"{channel}-{n}");
                return status == 202;
            },
            TimeSpan.FromSeconds(40));
    }

    private static async Task DisposeAll(IEnumerable<WsClient> clients)
    {
        foreach (var client in clients)
            await client.DisposeAsync();
    }
}
