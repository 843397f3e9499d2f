using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>How a silo of a cluster takes its leave of its clients.</summary>
public sealed class DrainTests
{
    [Fact]
    public async Task A_silo_that_may_take_no_time_for_it_lets_all_its_clients_go_at_once()
    {
        await using var cluster = await NotifyCluster.StartAsync(2, new() { ["Notify:Limits:Drain"] = "00:00:00" });
        var clients = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => WsClient.ConnectAsync(cluster.Silos[1].WebSocket)));

        var stopping = cluster.StopAsync(cluster.Silos[1]);

        // By default the last ten would go 8 s behind the first fifty.
        var codes = await Task.WhenAll(clients.Select(client => client.Closed(TimeSpan.FromSeconds(5))));
        Assert.All(codes, closed => Assert.Equal((int)DisconnectCode.Shutdown, closed.Code));
        await stopping;
        foreach (var client in clients)
            await client.DisposeAsync();
    }
}
