using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Channels.Durable;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>What publishers are told over HTTP, and how soon, while the store of durable channels does not answer.</summary>
public sealed class DurableOutageTests
{
    [Fact]
    public async Task A_publisher_is_told_in_time_what_is_known_subscribers_stay_and_the_channel_goes_on()
    {
        var store = new TestStore();
        await using var cluster = await NotifyCluster.StartAsync(
            1, new() { ["Notify:Namespaces:d:Class"] = "Durable" }, (_, services) => services.AddKeyedSingleton<IGrainStorage>(ChannelStorage.ProviderName, store));
        var silo = cluster.Silos[0];
        await using var client = await silo.WebSocket.Subscribed("d:x");
        await silo.Http.PublishMany("d:x", 1, 1);
        store.BeforeWrite = store.BeforeRead = _ => new TaskCompletionSource().Task;

        Assert.Equal((503, "unknown"), await Told(2));
        Assert.Equal((503, "not_accepted"), await Told(3)); // the store is known to be away

        store.ComeBack();
        await Until.Equal(202, "the status of a publish to the store that is back", async () => (await Post(4)).Status, TimeSpan.FromSeconds(5));
        Assert.Equal([1, 4], (await client.TakeEvents(2)).Numbers());

        async Task<(int, string?)> Told(int n)
        {
            var began = TimeProvider.System.GetTimestamp();
            var (status, problem) = await Post(n);
            Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 0, 3); // 2, and a busy machine
            return (status, problem.GetProperty("outcome").GetString());
        }

        Task<(int Status, JsonElement Body)> Post(int n) => silo.Http.Post("/api/events", $$$"""{"channel":"d:x","data":{"n":{{{n}}}}}""", idempotencyKey: $"{n}");
    }
}
