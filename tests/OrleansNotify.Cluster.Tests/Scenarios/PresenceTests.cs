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
        var names = Enumerable.Range(0, Channels).Select(c => $"room.{c}").ToArray();
        foreach (var (i, channel) in names.Index())
            await silos.Touch(i % 3, channel); // where a channel is first asked for it likes to live
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
        output.WriteLine($"{away} of {Channels} channels live on the silo that is killed");
        Assert.InRange(away, 1, Channels - 1);

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
