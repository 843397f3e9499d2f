using System.Text.Json;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>A user's connections, over two silos.</summary>
public sealed class UserTests : IAsyncLifetime
{
    private static readonly Dictionary<string, string?> Settings = new()
    {
        ["Notify:Development:AllowUserParameter"] = "true",
        ["Notify:Limits:ConnectionsPerUser"] = "3",
    };

    private NotifyCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await NotifyCluster.StartAsync(2, Settings);

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task A_user_is_there_while_he_has_a_connection_and_is_remembered_afterwards()
    {
        var nobody = await User("42");
        Assert.Equal((false, 0, false), (nobody.GetProperty("online").GetBoolean(), nobody.GetProperty("connections").GetArrayLength(), nobody.TryGetProperty("lastSeen", out _)));
        var one = await Connect(0, "42");
        await using var other = await Connect(1, "7");
        var two = await Connect(1, "42");
        await two.Subscribe("news");
        await Online("42", 2);

        var user = await User("42");
        Assert.Equal(("42", true, false), (user.GetProperty("user").GetString(), user.GetProperty("online").GetBoolean(), user.GetProperty("partial").GetBoolean()));
        Assert.Equal([0, 1], user.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("channels").GetArrayLength()));
        Assert.Equal(_cluster.Silos.Select(s => s.Address.ToString()).Order(), user.GetProperty("connections").EnumerateArray().Select(c => c.GetProperty("silo").GetString()).Order());
        Assert.False(user.TryGetProperty("lastSeen", out _));

        await one.DisposeAsync();
        await Online("42", 1);
        var before = TimeProvider.System.GetUtcNow(); // he came earlier
        await two.DisposeAsync();
        await Online("42", 0);
        await Until.True("he was seen", async () => (await User("42")).TryGetProperty("lastSeen", out var seen) && seen.GetDateTimeOffset() >= before);
        Assert.True((await User("7")).GetProperty("online").GetBoolean());
    }

    [Fact]
    public async Task One_connection_too_many_is_closed_wherever_it_comes_in_and_the_others_stay()
    {
        await using var one = await Connect(0, "42");
        await using var two = await Connect(1, "42");
        await using var three = await Connect(0, "42");
        await Online("42", 3);

        await using var tooMany = await Connect(1, "42");
        Assert.Equal((3504, "This user has 3 connections already (Notify:Limits:ConnectionsPerUser); close one of them first."), await tooMany.Closed());
        using var stream = await _cluster.Silos[1].Http.GetAsync(new Uri("/sse?channel=a&user=42", UriKind.Relative));
        Assert.Equal(429, (int)stream.StatusCode);
        await using var other = await Connect(1, "7");
        await other.Ping();
        foreach (var kept in new[] { one, two, three })
            await kept.Ping();
        Assert.Equal(3, (await User("42")).GetProperty("connections").GetArrayLength());

        await two.DisposeAsync();
        await Online("42", 2);
        await using var next = await Connect(1, "42");
        await Online("42", 3);
        await next.Ping();
    }

    [Fact]
    public async Task Who_has_no_user_is_not_counted()
    {
        var clients = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => WsClient.ConnectAsync(_cluster.Silos[0].WebSocket)));
        foreach (var client in clients)
            await client.Ping();
        foreach (var client in clients)
        {
            await client.Ping();
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task His_connections_are_put_on_a_channel_and_taken_from_it_on_every_silo()
    {
        await using var one = await Connect(0, "42");
        await using var two = await Connect(1, "42");
        await using var other = await Connect(0, "7");
        await two.Subscribe("a/b");

        Assert.Equal((1, false), await Change(HttpMethod.Put, "42", "a%2Fb"));
        Assert.Equal((0, false), await Change(HttpMethod.Put, "42", "a%2Fb"));
        Assert.Equal((2, false), await Change(HttpMethod.Put, "42", "$secret"));
        await Until.True("the channels are attached", async () =>
        {
            await _cluster.Silos[0].Http.PublishMany("$secret", 1, 1);
            return one.Frames.Any(f => f.Channel == "$secret") && two.Frames.Any(f => f.Channel == "$secret");
        });
        await _cluster.Silos[1].Http.PublishMany("a/b", 1, 2);
        Assert.Equal([1, 2], (await one.TakeEvents(2, "a/b")).Numbers());
        Assert.Equal([1, 2], (await two.TakeEvents(2, "a/b")).Numbers());

        Assert.Equal((2, false), await Change(HttpMethod.Delete, "42", "a%2Fb"));
        foreach (var client in new[] { one, two })
            Assert.Equal("""{"type":"unsubscribed","channel":"a/b","code":103}""", (await client.Next("unsubscribed")).Text);
        Assert.Equal((0, false), await Change(HttpMethod.Delete, "42", "a%2Fb"));
        await _cluster.Silos[1].Http.PublishMany("a/b", 3, 3);
        await one.Ping();
        Assert.DoesNotContain(one.Frames, f => f.Channel == "a/b" && f.Type == "event" && f.Offset == 3);
        await other.Ping();
        Assert.DoesNotContain(other.Frames, f => f.Type == "event");
    }

    [Theory]
    [InlineData("42", "@system", 400, "Who is on a channel that begins with '@' or '#' cannot be changed: everyone is, or its user.")]
    [InlineData("42", "%2342", 400, "Who is on a channel that begins with '@' or '#' cannot be changed: everyone is, or its user.")]
    [InlineData("42", "x%237", 400, "This channel is only for the users named behind '#'.")]
    [InlineData("a,b", "x", 400, "A user id is 1 to 128 of A-Z a-z 0-9 _ . @ = + ~ : -")]
    [InlineData("42", "a..b", 400, "Invalid channel: a level between two '.' is empty; remove one '.'.")]
    [InlineData("42", "nowhere:x", 404, "Unknown namespace 'nowhere'.")]
    public async Task What_is_wrong_is_said(string user, string channel, int status, string detail)
    {
        using var reply = await _cluster.Silos[0].Http.PutAsync(new Uri($"/api/users/{user}/subscriptions/{channel}", UriKind.Relative), null);
        using var problem = JsonDocument.Parse(await reply.Content.ReadAsStringAsync());
        Assert.Equal((status, detail), ((int)reply.StatusCode, problem.RootElement.GetProperty("detail").GetString()));
    }

    [Fact]
    public async Task An_event_for_a_user_reaches_all_of_his_connections_once()
    {
        await using var one = await Connect(0, "42");
        await using var two = await Connect(1, "42");
        foreach (var client in new[] { one, two })
            await client.Ping(); // it is on its user's channel
        foreach (var _ in new[] { 1, 2 })
        {
            var (status, body) = await _cluster.Silos[1].Http.Post("/api/users/42/events", """{"data":{"n":5},"event":"said"}""", idempotencyKey: "k");
            Assert.Equal((202, "#42", 1), (status, body.GetProperty("channel").GetString(), body.GetProperty("offset").GetInt32()));
        }
        foreach (var client in new[] { one, two })
        {
            Assert.Equal([5], (await client.TakeEvents(1, "#42")).Numbers());
            await client.Ping();
            Assert.Empty(client.UntakenEvents());
        }
        foreach (var (body, field) in new[] { ("""{"data":1,"channel":"x"}""", "channel"), ("""{"data":1,"type":"user"}""", "type"), ("""{"data":1,"user":"7"}""", "user"), ("{}", "data") })
        {
            var (status, problem) = await _cluster.Silos[0].Http.Post("/api/users/42/events", body);
            Assert.Equal((400, field), (status, problem.GetProperty("field").GetString()));
        }
        Assert.Equal(400, (await _cluster.Silos[0].Http.Post("/api/users/a,b/events", """{"data":1}""")).Status);
    }

    [Fact]
    public async Task With_a_store_it_is_known_after_a_restart_when_he_was_seen()
    {
        using var folder = new TemporaryFolder();
        var settings = new Dictionary<string, string?>(Settings) { ["Notify:Storage:Provider"] = "Sqlite", ["Notify:Storage:Path"] = folder["notify.db"] };
        DateTimeOffset before;
        await using (var first = await RunningServer.StartAsync(settings))
        {
            await using var client = await WsClient.ConnectAsync(first.WebSocket, user: "42");
            await Until.True("he is there", async () => (await first.Http.Get("/api/users/42")).Body.GetProperty("online").GetBoolean());
            before = TimeProvider.System.GetUtcNow(); // he came earlier
            await first.StopAsync(); // which ends his connection, too
        }

        await using var second = await RunningServer.StartAsync(settings);
        var (_, user) = await second.Http.Get("/api/users/42");
        Assert.False(user.GetProperty("online").GetBoolean());
        Assert.InRange(user.GetProperty("lastSeen").GetDateTimeOffset(), before, TimeProvider.System.GetUtcNow());
    }

    private Task<WsClient> Connect(int silo, string user) => WsClient.ConnectAsync(_cluster.Silos[silo].WebSocket, user: user, timeout: TimeSpan.FromSeconds(30));

    private async Task<JsonElement> User(string user)
    {
        var (status, body) = await _cluster.Silos[0].Http.Get($"/api/users/{user}");
        Assert.Equal(200, status);
        return body;
    }

    private Task Online(string user, int connections) =>
        Until.Equal(connections, $"connections of user {user}", async () => (await User(user)).GetProperty("connections").GetArrayLength());

    private async Task<(int Connections, bool Partial)> Change(HttpMethod method, string user, string channel)
    {
        using var request = new HttpRequestMessage(method, new Uri($"/api/users/{user}/subscriptions/{channel}", UriKind.Relative));
        using var reply = await _cluster.Silos[0].Http.SendAsync(request);
        using var body = JsonDocument.Parse(await reply.Content.ReadAsStringAsync());
        return (body.RootElement.GetProperty("connections").GetInt32(), body.RootElement.GetProperty("partial").GetBoolean());
    }
}
