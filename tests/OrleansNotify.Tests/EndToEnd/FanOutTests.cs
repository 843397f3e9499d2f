using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Channels;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>What a batch brings to many channels is delivered together.</summary>
public sealed class FanOutTests
{
    [Fact]
    public async Task What_is_published_together_is_delivered_behind_it()
    {
        await using var server = await RunningServer.StartAsync();
        await using var client = await server.WebSocket.Subscribed("chat.a", "chat.b");
        var here = server.Services.GetRequiredService<IHostedChannels>();
        var connections = server.Services.GetRequiredService<IConnectionDirectory>();

        server.Services.GetRequiredService<IFanOut>().Together(() =>
        {
            foreach (var channel in new[] { "chat.a", "chat.b" })
                Assert.NotNull(here.TryPublish(channel, [Some.Draft()], mayWait: true));
            Assert.Equal(0, connections.List(new ConnectionQuery(null, null, 0, 1)).Single().Sent);
        });

        Assert.Equal(["chat.a", "chat.b"], (await client.TakeEvents(2)).Select(e => e.Channel!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_batch_into_many_channels_is_published_together_and_one_into_a_single_channel_at_once()
    {
        var fanOut = new CountingFanOut();
        await using var server = await RunningServer.StartAsync(configure: services => services.AddSingleton<IFanOut>(fanOut));
        await using var client = await server.WebSocket.Subscribed("chat.a", "chat.b");

        await Post("chat.a", "chat.a");
        await client.TakeEvents(2);
        Assert.Equal(0, fanOut.Times);

        // The first batch's publishers have their answer a moment before its call is over; what came meanwhile would travel behind it.
        await Until.Equal(0, "channels with a call in flight", () => server.Services.GetRequiredService<ChannelPublisher>().Lanes);
        await Post("chat.a", "chat.b", "chat.a");
        await client.TakeEvents(3);
        Assert.Equal(1, fanOut.Times);

        async Task Post(params string[] channels)
        {
            var (status, _) = await server.Http.Post("/api/events/batch", $"[{string.Join(',', channels.Select(channel => $$"""{"channel":"{{channel}}","data":1}"""))}]");
            Assert.Equal(200, status);
        }
    }

    private sealed class CountingFanOut : IFanOut
    {
        public int Times { get; private set; }

        public void Together(Action publish)
        {
            Times++;
            publish();
        }
    }
}
