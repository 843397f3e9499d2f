using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Limits;

/// <summary>Who floods one channel takes nothing from those who publish on another.</summary>
public sealed class FairnessTests
{
    private const int Quiet = 100;

    [Fact]
    public async Task Publishers_of_a_channel_are_not_starved_by_those_who_flood_another()
    {
        const int Flooders = 16;
        await using var server = await RunningServer.StartAsync();
        await using var client = await server.WebSocket.Subscribed("quiet");
        using var stop = new CancellationTokenSource();
        var started = 0;
        var batch = Batch(100);
        var flooding = Enumerable.Range(0, Flooders).Select(_ => Task.Run(async () =>
        {
            var results = new List<string>();
            while (!stop.IsCancellationRequested)
            {
                results.AddRange((await server.Http.Post("/api/events/batch", batch)).Body.EnumerateArray().Select(Outcome));
                Interlocked.Increment(ref started);
            }
            return results;
        })).ToArray();
        await Until.True("the flood is there", () => Volatile.Read(ref started) >= 2 * Flooders, TimeSpan.FromSeconds(60));

        await server.Http.PublishMany("quiet", 1, Quiet); // each is 202, at the first try
        var before = Volatile.Read(ref started);
        await Until.True("the flood goes on", () => Volatile.Read(ref started) > before, TimeSpan.FromSeconds(60));
        await stop.CancelAsync();

        Assert.Equal(Enumerable.Range(1, Quiet), (await client.TakeEvents(Quiet, timeout: TimeSpan.FromSeconds(60))).Numbers());
        // Nor is the flood lied to.
        var flooded = (await Task.WhenAll(flooding)).SelectMany(results => results).CountBy(outcome => outcome).ToDictionary();
        var accepted = flooded.GetValueOrDefault("202");
        Assert.InRange((await server.Http.Get("/api/channels/flood")).Body.GetProperty("offset").GetInt32(), accepted, accepted + flooded.GetValueOrDefault("unknown"));
        Assert.Subset(new HashSet<string> { "202", "not_accepted", "unknown" }, flooded.Keys.ToHashSet());
    }

    [Fact]
    public async Task A_channel_that_takes_nothing_and_has_thousands_waiting_holds_up_no_other()
    {
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var held = 0;
        await using var server = await RunningServer.StartAsync(configure: services => services.AddSingleton<IIncomingGrainCallFilter>(new CallFilter(async call =>
        {
            if (call.MethodName == nameof(IChannelGrain.Publish) && call.TargetId.Key.ToString() == "flood")
            {
                Interlocked.Increment(ref held);
                await go.Task;
            }
            await call.Invoke();
        })));
        await using var client = await server.WebSocket.Subscribed("quiet");

        var flooding = Enumerable.Range(0, 50).Select(_ => server.Http.Post("/api/events/batch", Batch(100))).ToArray();
        await Until.True("the flood has begun", () => Volatile.Read(ref held) > 0);
        await server.Http.PublishMany("quiet", 1, Quiet);
        Assert.Equal(Enumerable.Range(1, Quiet), (await client.TakeEvents(Quiet)).Numbers());

        // None was published, and each is told so, or that nobody knows.
        var results = (await Task.WhenAll(flooding)).SelectMany(answer => answer.Body.EnumerateArray()).Select(Outcome).ToList();
        Assert.Equal(5_000, results.Count(outcome => outcome is "not_accepted" or "unknown"));
        go.SetResult();
    }

    private static string Outcome(JsonElement result) => result.TryGetProperty("error", out var error) ? error.GetProperty("outcome").GetString()! : "202";

    private static string Batch(int events) => $"[{string.Join(',', Enumerable.Repeat("""{"channel":"flood","data":1}""", events))}]";
}
