using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Limits;

public class CommandRatesTests
{
    private static readonly Dictionary<string, string?> Slow = new()
    {
        ["Notify:Limits:CommandBurst"] = "6",
        ["Notify:Limits:CommandsPerSecond"] = "2",
        ["Notify:Limits:PublishBurst"] = "1",
        ["Notify:Limits:PublishesPerSecond"] = "1",
        ["Notify:Limits:SubscribeBurst"] = "2",
        ["Notify:Limits:SubscribesPerSecond"] = "1",
        ["Notify:Limits:SubscriptionsPerConnection"] = "2",
        ["Notify:Namespaces:default:ClientPublish"] = "true",
    };

    private static readonly LimitOptions Limits = new() { CommandsPerSecond = 1, CommandBurst = 5, PublishesPerSecond = 1, PublishBurst = 2, SubscribesPerSecond = 1, SubscribeBurst = 3 };
    private static readonly PingCommand Ping = new(default);
    private static readonly SubscribeCommand Subscribe = new(default, "a", null, null, false);
    private static readonly PublishCommand Publish =
        new(default, "a", PublicationDraft.FromChecked("1"u8.ToArray(), PayloadShape.Value, null, null, null, null, null), true);

    // What was allowed of so many at once: they take microseconds, the next token comes after a second.
    private static int Allowed(int count, params ClientCommand?[] commands)
    {
        var rates = new CommandRates(Limits, TimeProvider.System).New();
        return Enumerable.Range(0, count).SelectMany(_ => commands).Count(command => rates.Refuse(command) is null);
    }

    [Fact]
    public void Of_each_kind_so_many_are_allowed_at_once()
    {
        Assert.Equal(5, Allowed(20, Ping));
        Assert.Equal(5, Allowed(20, [null])); // what is no command counts as well
        Assert.Equal(3, Allowed(20, Subscribe));
        Assert.Equal(2, Allowed(20, Publish));
        Assert.Equal(4, Allowed(2, Subscribe, Publish)); // each by its own
        Assert.Equal(5, Allowed(20, Subscribe, Publish)); // and all together
    }

    [Fact]
    public void A_refusal_says_what_is_allowed()
    {
        var (publishes, subscribes) = (Told(Publish), Told(Subscribe));
        Assert.Equal(new string?[] { null, null, "Too many publishes: 2 at once and 1 a second are allowed. Wait a moment, then go on slower." }, publishes[..3]);
        Assert.Equal(new string?[] { null, null, null, "Too many subscribes: 3 at once and 1 a second are allowed. Wait a moment, then go on slower." }, subscribes[..4]);
        Assert.Equal("Too many commands: 5 at once and 1 a second are allowed. Wait a moment, then go on slower.", publishes[^1]);

        static string?[] Told(ClientCommand command)
        {
            var rates = new CommandRates(Limits, TimeProvider.System).New();
            return [.. Enumerable.Range(0, 20).Select(_ => rates.Refuse(command))];
        }
    }

    [Fact]
    public void They_come_back_one_by_one_and_never_more_than_at_once()
    {
        var time = new FakeTimeProvider();
        var rates = new CommandRates(Limits, time).New();
        Assert.Equal(5, AllowedNow());
        foreach (var (seconds, allowed) in new[] { (1, 1), (3, 3), (0, 0), (5, 5), (3_600, 5), (0, 0) })
        {
            time.Advance(TimeSpan.FromSeconds(seconds));
            Assert.Equal(allowed, AllowedNow());
        }

        int AllowedNow() => Enumerable.Range(0, 20).Count(_ => rates.Refuse(Ping) is null);
    }

    [Fact]
    public void One_connection_takes_nothing_from_another()
    {
        var rates = new CommandRates(Limits, TimeProvider.System);
        var (one, other) = (rates.New(), rates.New());
        for (var i = 0; i < 100; i++)
            one.Refuse(Ping);
        Assert.Null(other.Refuse(Ping));
    }

    [Fact]
    public void Two_hundred_and_fifty_six_refusals_are_borne()
    {
        var rates = new CommandRates(Limits, TimeProvider.System).New();
        Assert.Equal(256, Enumerable.Range(0, 256).Count(_ => !rates.IsAbuse()));
        Assert.InRange(Enumerable.Range(0, 256).Count(_ => !rates.IsAbuse()), 0, 10); // ten a second come back
    }

    [Fact]
    public async Task A_client_that_publishes_too_fast_is_told_so_and_may_go_on_after_a_moment()
    {
        await using var server = await RunningServer.StartAsync(Slow);
        await using var client = await WsClient.ConnectAsync(server.WebSocket);
        await using var subscriber = await WsClient.ConnectAsync(server.WebSocket);
        await subscriber.Subscribe("fast");
        await client.Send(new { type = "publish", channel = "fast", data = new { n = 1 }, id = 1 });
        await client.Next("published");
        await client.Send(new { type = "publish", channel = "fast", data = new { n = 2 }, id = 2 });
        var refused = (await client.Next("error")).Json;
        Assert.Equal((111, 2, "fast"), (refused.GetProperty("code").GetInt32(), refused.GetProperty("id").GetInt32(), refused.GetProperty("channel").GetString()));

        await Until.True("a publish is accepted again", async () =>
        {
            await client.Send(new { type = "publish", channel = "fast", data = new { n = 3 } });
            return (await client.Next()).Type == "published";
        });
        var delivered = await subscriber.TakeEvents(2);
        Assert.Equal([1, 3], delivered.Select(frame => frame.Data.GetProperty("n").GetInt32())); // what was refused was not published
    }

    [Fact]
    public async Task A_client_that_never_slows_down_is_closed_with_3013_and_others_are_not_touched()
    {
        await using var server = await RunningServer.StartAsync(Slow);
        await using var quiet = await WsClient.ConnectAsync(server.WebSocket);
        await using var raw = await RawSocket.OpenAsync(server.WebSocket.Port);
        for (var i = 0; i < 400; i++)
            await raw.SendText("""{"type":"ping"}""");

        Assert.Equal((int)DisconnectCode.TooManyRequests, await raw.ReadCloseCode(TimeSpan.FromSeconds(10)));
        await quiet.Send(new { type = "ping" });
        await quiet.Next("pong");
    }
}
