using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Channels;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Limits;

public sealed class GrainQueueTests
{
    [Fact]
    public async Task A_channel_with_a_full_queue_refuses_what_comes_and_loses_nothing()
    {
        const int Queue = 10;
        var waiting = 0;
        var go = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Limits:GrainQueue"] = $"{Queue}" }, services => services.AddSingleton<IIncomingGrainCallFilter>(new CallFilter(async call =>
        {
            if (call.MethodName == nameof(IChannelGrain.Read) && call.TargetId.Key.ToString() == "busy")
            {
                Interlocked.Increment(ref waiting);
                await go.Task;
            }
            await call.Invoke();
        })));
        await server.Http.Publish("busy", "1");
        // Asked of the grain itself: over HTTP they would be given up after 2 s, and a busy machine takes longer for what follows.
        var channel = server.Services.GetRequiredService<IGrainFactory>().GetGrain<IChannelGrain>("busy");
        var reads = Enumerable.Range(0, Queue).Select(_ => channel.Read(new HistoryRequest(0, ulong.MaxValue, 1, false, default)).AsTask()).ToArray();
        await Until.Equal(Queue, "calls that wait", () => Volatile.Read(ref waiting));

        var (readStatus, _) = await server.Http.Get("/api/channels/busy/history");
        var (publishStatus, problem) = await server.Http.Post("/api/events", """{"channel":"busy","data":2}""");
        await server.Http.Publish("idle", "1"); // others are not held up
        go.SetResult();

        Assert.Equal((503, 503, "not_accepted"), (readStatus, publishStatus, problem.GetProperty("outcome").GetString()));
        Assert.All(await Task.WhenAll(reads), page => Assert.Equal("1", Assert.Single(page.Publications).Text()));
        Assert.Equal(2UL, (await server.Http.Publish("busy", "2")).GetProperty("offset").GetUInt64());
        Assert.Equal(Queue, waiting);
        // Behind two fifths of it whoever looks after the server is told.
        Assert.Contains(server.Log.Entries, entry => entry.Contains("exceeding soft limit warning threshold of 4", StringComparison.Ordinal));
    }
}
