using System.Net.Sockets;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Transports.Sse;

/// <summary><c>/sse</c> of a real server, read by .NET's own parser.</summary>
public sealed class SseTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(new() { ["Notify:Development:AllowUserParameter"] = "true", ["Notify:Namespaces:short:HistorySize"] = "2" });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_client_that_comes_back_gets_of_each_channel_what_it_missed_once_and_in_order()
    {
        string last;
        await using (var client = await Connect("channel=a&channel=b", 2))
        {
            await _server.Http.PublishMany("a", 1, 2);
            await _server.Http.PublishMany("b", 1, 1);
            await client.Take(3);
            last = client.LastEventId;
        }
        await _server.Http.PublishMany("a", 3, 5);
        await _server.Http.PublishMany("b", 2, 3);

        await using var again = await SseClient.ConnectAsync(_server.Http, "channel=a&channel=b", last);
        var messages = await again.Take(7);
        await _server.Http.PublishMany("b", 4, 4);
        messages = [.. messages, await again.Next()];

        Assert.Equal(["a", "b"], messages.Where(m => m.Frame.Type == "subscribed" && m.Frame.Json.GetProperty("recovered").GetBoolean()).Select(m => m.Frame.Channel).Order());
        Assert.Equal([3, 4, 5], Events(messages, "a").Numbers());
        Assert.Equal([2, 3, 4], Events(messages, "b").Numbers());
        Assert.Equal(0, again.Untaken);
    }

    [Fact]
    public async Task Whatever_event_a_client_lost_its_connection_behind_it_comes_back_there()
    {
        await using var client = await Connect("channel=a", 1);
        await _server.Http.PublishMany("a", 1, 5);
        var seen = await client.Take(5);

        foreach (var message in seen)
        {
            await using var again = await SseClient.ConnectAsync(_server.Http, "channel=a", message.LastEventId);
            var missed = 5 - (int)message.Frame.Offset!.Value;
            Assert.Equal(Enumerable.Range((int)message.Frame.Offset!.Value + 1, missed), (await again.Take(1 + missed)).Skip(1).Select(m => m.Frame).Numbers());
        }
    }

    [Fact]
    public async Task What_is_no_longer_kept_is_told_and_the_client_goes_on_from_now()
    {
        string last;
        await using (var client = await Connect("channel=short:a", 1))
            last = client.LastEventId;
        await using var watcher = await _server.WebSocket.Subscribed("short:a");
        await _server.Http.PublishMany("short:a", 1, 3);
        await watcher.TakeEvents(3); // or the front-end might not have come this far itself, and could still bring all three

        await using var again = await SseClient.ConnectAsync(_server.Http, "channel=short:a", last);
        var told = await again.Next();
        await _server.Http.PublishMany("short:a", 4, 4);

        Assert.False(told.Frame.Json.GetProperty("recovered").GetBoolean());
        Assert.Equal(4UL, (await again.Next()).Frame.Offset);
    }

    [Fact]
    public async Task A_first_visit_may_begin_with_the_last_ones_and_a_page_may_say_where_it_is()
    {
        await _server.Http.PublishMany("h", 1, 4);
        await using var client = await Connect("channel=h&history=2", 1);
        var last = await client.Take(2);
        Assert.Equal([3, 4], last.Select(m => m.Frame).Numbers());

        await using var again = await Connect($"channel=h&history=2&since={last[0].LastEventId}", 1);
        Assert.Equal([4], (await again.Take(1)).Select(m => m.Frame).Numbers());
    }

    [Fact]
    public async Task What_a_connection_gets_without_asking_it_gets_here_too()
    {
        await using var client = await Connect("channel=a&user=42", 1);
        var at = client.LastEventId;

        await _server.Http.Post("/api/events", """{"type":"user","user":"42","data":1}""");
        await _server.Http.Post("/api/events", """{"type":"broadcast","data":1}""");

        Assert.Equal(["#42", "@broadcast"], (await client.Take(2)).Select(m => m.Frame.Channel!).Order());
        Assert.Equal(at, client.LastEventId);
    }

    [Fact]
    public async Task It_is_a_connection_like_any_other()
    {
        await using var client = await Connect("channel=a&user=42", 1);
        Assert.Equal((1, 1), await _server.Http.Stats("a"));
        var connection = (await _server.Http.Get("/api/connections")).Body.GetProperty("connections")[0];
        Assert.Equal(("sse", "42"), (connection.GetProperty("transport").GetString(), connection.GetProperty("user").GetString()));

        Assert.Equal(204, await _server.Http.Delete($"/api/connections/{connection.GetProperty("id").GetString()}"));

        var farewell = await client.Next();
        Assert.Equal(("close", 3503), (farewell.EventType, farewell.Frame.Code));
        Assert.True(await client.Ended.WaitAsync(Until.DefaultTimeout, TimeProvider.System));
        Assert.Equal((0, 0), await _server.Http.Stats("a"));
    }

    [Fact]
    public async Task A_client_that_goes_is_gone()
    {
        await (await Connect("channel=a", 1)).DisposeAsync();

        await Until.Equal((0, 0), "connections and subscriptions", () => _server.Http.Stats("a"));
    }

    [Fact]
    public async Task A_server_that_stops_says_so()
    {
        await using var client = await Connect("channel=a", 1);

        var stopping = _server.StopAsync();

        Assert.Equal(3001, (await client.Next()).Frame.Code);
        Assert.True(await client.Ended.WaitAsync(Until.DefaultTimeout, TimeProvider.System));
        await stopping;
    }

    [Fact]
    public async Task The_response_is_made_to_be_streamed()
    {
        await using var client = await Connect("channel=a", 1);

        Assert.Equal("text/event-stream", client.Response.Content.Headers.ContentType!.ToString());
        Assert.Equal((true, true), (client.Response.Headers.CacheControl!.NoCache, client.Response.Headers.CacheControl.NoTransform));
        Assert.Equal("no", client.Response.Headers.GetValues("X-Accel-Buffering").Single());
    }

    [Theory]
    [InlineData("", 400, "channel", "Name at least one channel: /sse?channel=news&channel=chat.room1")]
    [InlineData("channel=a..b", 400, "channel", "Invalid channel: a level between two '.' is empty; remove one '.'.")]
    [InlineData("channel=a&channel=", 400, "channel", "Invalid channel: the name is empty; it takes 1 to 255 characters.")]
    [InlineData("channel=a&channel=a", 400, "channel", "The channel a is given twice; give it once.")]
    [InlineData("channel=a&history=301", 400, "history", "The parameter 'history' must be a whole number from 0 to 300.")]
    [InlineData("channel=a&history=", 400, "history", "The parameter 'history' must be a whole number from 0 to 300.")]
    [InlineData("channel=a&since=1-2-3:4,", 400, "since", "'since' (or Last-Event-ID) must be an \"id\" that this address sent for these channels in this order: 1 positions EPOCH:OFFSET joined by ','.")]
    [InlineData("channel=a&since=1-2-3", 400, "since", "'since' (or Last-Event-ID) must be an \"id\" that this address sent for these channels in this order: 1 positions EPOCH:OFFSET joined by ','.")]
    [InlineData("channel=a&since=1-2-3:-1", 400, "since", "'since' (or Last-Event-ID) must be an \"id\" that this address sent for these channels in this order: 1 positions EPOCH:OFFSET joined by ','.")]
    [InlineData("channel=a&since=%0a:1", 400, "since", "'since' (or Last-Event-ID) must be an \"id\" that this address sent for these channels in this order: 1 positions EPOCH:OFFSET joined by ','.")]
    [InlineData("channel=a&token=x&token=y", 400, "token", "There are more tokens than channels: the first token is for the first channel, and so on; leave it empty (token=) for a channel that needs none.")]
    [InlineData("channel=a&token=x", 400, "token", "This server takes no tokens (Notify:Tokens is not configured).")]
    [InlineData("channel=a&user=a,b", 400, "user", "The parameter 'user' must be 1-128 of A-Z a-z 0-9 _ . @ = + ~ : -")]
    [InlineData("channel=nowhere:a", 404, "channel", "Unknown namespace 'nowhere': configure it under Notify:Namespaces, or use a channel without ':'.")]
    [InlineData("channel=a&channel=%2342", 403, "channel", "This channel is only for the users named behind '#'.")]
    public async Task What_is_wrong_is_said_before_the_stream_begins(string query, int status, string field, string detail)
    {
        var (answered, problem) = await _server.Http.Get($"/sse?{query}");

        Assert.Equal((status, field, detail), (answered, problem.GetProperty("field").GetString(), problem.GetProperty("detail").GetString()));
        Assert.Equal((0, 0), await _server.Http.Stats("a"));
    }

    [Fact]
    public async Task At_most_as_many_channels_as_a_connection_may_have()
    {
        var (status, problem) = await _server.Http.Get("/sse?" + string.Join('&', Enumerable.Range(0, 129).Select(n => $"channel=c{n}")));

        Assert.Equal((400, "At most 128 channels per connection."), (status, problem.GetProperty("detail").GetString()));
        await using var client = await Connect(string.Join('&', Enumerable.Range(0, 128).Select(n => $"channel=c{n}")), 128);
        Assert.Equal(128, client.LastEventId.Split(',').Count(position => position.EndsWith(":0", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task It_is_read_only_by_GET() => Assert.Equal(405, (await _server.Http.Post("/sse?channel=a", "{}")).Status);

    [Fact]
    public async Task A_silent_stream_has_comments_and_a_peer_that_acknowledges_nothing_is_given_up()
    {
        var sockets = new SeenSockets();
        await using var server = await RunningServer.StartAsync(
            new() { ["Notify:Limits:PingInterval"] = "00:00:02", ["Notify:Limits:PongTimeout"] = "00:00:01" }, services => services.AddSingleton<IStartupFilter>(sockets));
        using var response = await server.Http.GetAsync(new Uri("/sse?channel=a", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync());

        // Nobody answers a comment: three of them, and no farewell.
        for (var comments = 0; comments < 3;)
        {
            var line = await lines.ReadLineAsync().WaitAsync(Until.DefaultTimeout, TimeProvider.System);
            Assert.NotEqual("event: close", line);
            comments += line == ":" ? 1 : 0;
        }
        if (!OperatingSystem.IsLinux())
            return;
        var timeout = new byte[4];
        sockets.Last!.GetRawSocketOption(6, 18, timeout); // TCP_USER_TIMEOUT
        Assert.Equal(1000, BitConverter.ToInt32(timeout));
    }

    [Fact]
    public async Task Where_tokens_are_asked_for_a_stream_takes_one_and_ends_with_it()
    {
        await using var server = await StartWithTokens();
        var subs = new JsonObject { ["$orders"] = new JsonObject() };

        Assert.Equal(401, await Status(server, "channel=a"));
        Assert.Equal(401, await Status(server, $"channel=a&access_token={Alice(-1)}"));
        Assert.Equal(401, await Status(server, "channel=a&access_token=garbage"));
        Assert.Equal(403, await Status(server, $"channel=a&channel=$orders&access_token={Alice(60)}"));
        await using var client = await SseClient.ConnectAsync(server.Http, $"channel=$orders&access_token={Alice(3, subs)}");
        Assert.Equal("subscribed", (await client.Next()).Frame.Type);
        await server.Http.Post("/api/events", """{"type":"user","user":"alice","data":1}""");
        Assert.Equal("#alice", (await client.Next()).Frame.Channel);
        Assert.Equal(("close", 3005), ((await client.Next()) is { } farewell ? (farewell.EventType, farewell.Frame.Code!.Value) : default));
    }

    [Fact]
    public async Task A_private_channel_opens_to_a_subscription_token_and_is_recovered_with_it()
    {
        await using var server = await StartWithTokens();
        var alice = Alice(60);
        var orders = Subscription("alice", "$orders", 60);
        // The second token is for the second channel; news needs none.
        var query = $"channel=news&channel=$orders&token=&token={orders}&access_token={alice}";
        string last;
        await using (var client = await SseClient.ConnectAsync(server.Http, query))
        {
            await client.Take(2);
            await server.Http.PublishMany("$orders", 1, 1);
            await client.Take(1);
            last = client.LastEventId;
        }
        await server.Http.PublishMany("$orders", 2, 3);

        await using var again = await SseClient.ConnectAsync(server.Http, query, last);
        Assert.Equal([2, 3], Events(await again.Take(4), "$orders").Numbers());

        await Refused(401, "token", $"channel=$orders&token={Subscription("bob", "$orders", 60)}&access_token={alice}");
        await Refused(401, "token", $"channel=$other&token={orders}&access_token={alice}");
        await Refused(401, "token", $"channel=$orders&token={Subscription("alice", "$orders", -1)}&access_token={alice}");
        await Refused(401, "token", $"channel=$orders&token={alice}&access_token={alice}");
        await Refused(403, "channel", $"channel=$orders&channel=news&token=&token=&access_token={alice}");

        async Task Refused(int status, string field, string wrong)
        {
            var (answered, problem) = await server.Http.Get($"/sse?{wrong}");
            Assert.Equal((status, field), (answered, problem.GetProperty("field").GetString()));
        }
    }

    [Fact]
    public async Task A_subscription_ends_with_its_token_and_the_stream_goes_on()
    {
        await using var server = await StartWithTokens();
        await using var client = await SseClient.ConnectAsync(server.Http, $"channel=$orders&channel=news&token={Subscription("alice", "$orders", 3)}&access_token={Alice(60)}");
        await client.Take(2);

        var ended = (await client.Next()).Frame;
        Assert.Equal(("unsubscribed", "$orders", 109), (ended.Type, ended.Channel, ended.Code));
        await server.Http.PublishMany("$orders", 1, 1);
        await server.Http.PublishMany("news", 1, 1);
        Assert.Equal("news", (await client.Next()).Frame.Channel);
    }

    private static Task<RunningServer> StartWithTokens() => RunningServer.StartAsync(new()
    {
        ["Notify:Tokens:Algorithms:0"] = "HS256",
        ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(Secret),
        ["Notify:Tokens:Issuer"] = "https://issuer.example",
        ["Notify:Tokens:Audience"] = "notify",
        ["Notify:Tokens:ClockSkew"] = "00:00:00",
    });

    private static string Subscription(string user, string channel, int seconds) =>
        Hs256(Claims(("sub", user), ("channel", channel), ("exp", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + seconds)));

    private static string Alice(int seconds, JsonObject? subs = null) =>
        Hs256(Claims(("exp", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + seconds), ("subs", subs)));

    private static async Task<int> Status(RunningServer server, string query)
    {
        using var response = await server.Http.GetAsync(new Uri($"/sse?{query}", UriKind.Relative), HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal((int)response.StatusCode == 401, response.Headers.WwwAuthenticate.Count == 1);
        return (int)response.StatusCode;
    }

    private static IEnumerable<WsFrame> Events(IEnumerable<SseMessage> messages, string channel) =>
        messages.Select(m => m.Frame).Where(frame => frame.Type == "event" && frame.Channel == channel);

    // Connects and takes the replies.
    private async Task<SseClient> Connect(string query, int replies)
    {
        var client = await SseClient.ConnectAsync(_server.Http, query);
        Assert.All(await client.Take(replies), message => Assert.Equal("subscribed", message.Frame.Type));
        return client;
    }

    private sealed class SeenSockets : IStartupFilter
    {
        public Socket? Last { get; private set; }

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, then) =>
            {
                Last = context.Features.Get<IConnectionSocketFeature>()?.Socket;
                return then(context);
            });
            next(app);
        };
    }
}
