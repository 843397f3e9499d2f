using Microsoft.Extensions.DependencyInjection;
using Orleans.Core.Internal;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>What a namespace's options give to clients.</summary>
public sealed class NamespaceTests
{
    // What is said where it is not given: 108, or 404.
    [Theory]
    [InlineData(null, null, false, false)]
    [InlineData(true, null, true, true)]
    [InlineData(true, false, true, false)]
    [InlineData(null, true, false, true)]
    [InlineData(true, true, true, true)]
    public async Task A_list_and_being_told_who_comes_and_goes_are_had_one_without_the_other(bool? presence, bool? joinLeave, bool hasList, bool isTold)
    {
        await using var server = await RunningServer.StartAsync(new()
        {
            ["Notify:Namespaces:room:Presence"] = presence?.ToString(),
            ["Notify:Namespaces:room:JoinLeave"] = joinLeave?.ToString(),
            ["Notify:Namespaces:room:ClientSubscribe"] = "true",
        });
        await using var watcher = await WsClient.ConnectAsync(server.WebSocket);
        await watcher.Send("""{"type":"subscribe","channel":"room:a","presence":true}""");
        await watcher.Send("""{"type":"presence","channel":"room:a"}""");
        await watcher.Send("""{"type":"presence_stats","channel":"room:a"}""");

        Assert.Equal(hasList ? 200 : 404, (await server.Http.Get("/api/channels/room%3Aa/presence")).Status);
        for (var n = (isTold ? 0 : 1) + (hasList ? 0 : 2); n > 0; n--)
            Assert.Equal(108, (await watcher.Next("error")).Code);
        if (hasList)
            await watcher.Next("presence_stats");
        if (isTold)
        {
            await watcher.Next("subscribed");
            var guest = await server.WebSocket.Subscribed("room:a");
            await watcher.Next("join");
            await guest.DisposeAsync();
            await watcher.Next("leave");
        }
        await watcher.Ping();
        Assert.DoesNotContain(watcher.Frames, frame => frame.Type is "join" or "leave" && !isTold);
        Assert.Equal((isTold ? 0 : 1) + (hasList ? 0 : 2), watcher.Frames.Count(frame => frame.Type == "error"));
    }

    [Theory]
    [InlineData("kept:a", 1)]
    [InlineData("other:a", 0)]
    public async Task Where_recovery_is_forced_also_who_used_no_option_is_told_that_the_numbering_begins_anew(string channel, int positions)
    {
        await using var server = await RunningServer.StartAsync(new()
        {
            ["Notify:Namespaces:kept:ForceRecovery"] = "true",
            ["Notify:Namespaces:other:ForceRecovery"] = "false",
        });
        await using var plain = await server.WebSocket.Subscribed(channel);
        await using var byPattern = await server.WebSocket.Subscribed($"{channel.Split(':')[0]}:*");
        await using var withOption = await WsClient.ConnectAsync(server.WebSocket);
        await withOption.Subscribe(channel, "\"id\":1");
        await server.Http.PublishMany(channel, 1, 2);
        foreach (var client in new[] { plain, byPattern, withOption })
            await client.TakeEvents(2);

        await server.Services.GetRequiredService<IGrainFactory>().GetGrain<IChannelGrain>(channel).AsReference<IGrainManagementExtension>().DeactivateOnIdle();
        var told = await withOption.Next("position", TimeSpan.FromSeconds(30)); // until then the old activation may still take what is published beside it
        await server.Http.PublishMany(channel, 3, 3);

        foreach (var client in new[] { plain, byPattern, withOption })
        {
            var first = (await client.TakeEvents(1, timeout: TimeSpan.FromSeconds(30)))[0];
            Assert.Equal((1UL, told.Epoch), (first.Offset, first.Epoch));
        }
        foreach (var client in new[] { plain, byPattern })
        {
            await client.Ping();
            Assert.Equal(Enumerable.Repeat(told.Text, positions), client.Frames.Where(frame => frame.Type == "position").Select(frame => frame.Text));
        }
    }
}
