using System.Globalization;
using System.Text.Json;
using OrleansNotify.Cluster.Tests.Rig;
using OrleansNotify.Testing;
using Xunit.Abstractions;

namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>Who leaves when a process is killed, and who does not (PROMISES P8).</summary>
public sealed class PresenceTests(ITestOutputHelper output)
{
    private const int Channels = 12;

    private static readonly TimeSpan Promised = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Kill_9_of_a_silo_makes_its_members_leave_within_20_s_and_nobody_else()
    {
        await using var store = await RedisBackEnd.StartAsync();
        await using var silos = await Silos.StartAsync(store, ["--Notify:Namespaces:default:Presence=true", "--Notify:Development:AllowUserParameter=true"], [ServerPlace.Here, ServerPlace.Here, ServerPlace.Here]);
        var names = await ChannelsOnAll(silos);
        await using var watcher = await silos[0].ConnectAsync("watcher");
        foreach (var channel in names)
            await watcher.Send(new { type = "subscribe", channel, presence = true });
        foreach (var _ in names)
            await watcher.Next("subscribed"); // who is there before is told to it by no join
        await using var stays = await silos[2].ConnectAsync("stays");
        await using var lost = await silos[1].ConnectAsync("lost");
        foreach (var channel in names)
        {
            await stays.Subscribe(channel);
            await lost.Subscribe(channel);
        }
        await Told(watcher, "join", names, "lost", "stays");
        var hosts = await Task.WhenAll(names.Select(silos.HostOf));
        var away = hosts.Count(host => host.Contains($":{silos[1].SiloPort}:", StringComparison.Ordinal));
        Assert.Equal(Channels / 3, away);

        var killed = TimeProvider.System.GetTimestamp();
        await silos[1].KillAsync();
        await Told(watcher, "leave", names, "lost");
        var took = TimeProvider.System.GetElapsedTime(killed);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"the last leave was told after {took.TotalSeconds:0.0} s"));
        Assert.InRange(took, TimeSpan.Zero, Promised);

        // Who was there and stayed is listed by all that live, and was told of to nobody again.
        foreach (var channel in names)
            Assert.Equal(["stays", "watcher"], await Members(silos[2], channel));
        using var user = JsonDocument.Parse(await silos[0].Http.GetByteArrayAsync(new Uri("api/users/lost", UriKind.Relative)));
        Assert.False(user.RootElement.GetProperty("online").GetBoolean());
        await watcher.Ping();
        Assert.Equal((2 * Channels, Channels), (watcher.Frames.Count(f => f.Type == "join"), watcher.Frames.Count(f => f.Type == "leave")));
    }

    // As many on each silo. Where a channel is first asked for it likes to live, but need not.
    private static async Task<string[]> ChannelsOnAll(Silos silos)
    {
        var names = new List<string>[] { [], [], [] };
        for (var n = 0; names.Any(on => on.Count < Channels / 3); n++)
        {
            Assert.InRange(n, 0, 300);
            var name = $"room.{n}";
            await silos.Touch(n % 3, name);
            var host = await silos.HostOf(name);
            var on = names[Enumerable.Range(0, 3).Single(i => host.Contains($":{silos[i].SiloPort}:", StringComparison.Ordinal))];
            if (on.Count < Channels / 3)
                on.Add(name);
        }
        return [.. names.SelectMany(on => on)];
    }

    private static async Task Told(WsClient watcher, string type, string[] channels, params string[] users)
    {
        List<string> told = [];
        for (var i = 0; i < channels.Length * users.Length; i++)
        {
            var frame = await watcher.Next(type, Promised + TimeSpan.FromSeconds(20));
            told.Add($"{frame.Channel} {frame.Json.GetProperty("member").GetProperty("user").GetString()}");
        }
        Assert.Equal(channels.SelectMany(channel => users.Select(user => $"{channel} {user}")).Order(StringComparer.Ordinal), told.Order(StringComparer.Ordinal));
    }

    private static async Task<string[]> Members(ServerProcess silo, string channel)
    {
        using var presence = JsonDocument.Parse(await silo.Http.GetByteArrayAsync(new Uri($"api/channels/{channel}/presence", UriKind.Relative)));
        return [.. presence.RootElement.GetProperty("members").EnumerateArray().Select(member => member.GetProperty("user").GetString()!).Order(StringComparer.Ordinal)];
    }
}
