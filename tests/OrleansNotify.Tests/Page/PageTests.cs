using System.Collections.Concurrent;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Security.Tokens;

namespace OrleansNotify.Tests.Page;

/// <summary>The page in a real browser against the real server.</summary>
[Collection(Chromium.Collection)]
public sealed class PageTests(Chromium chromium)
{
    private static readonly TimeSpan Reconnect = TimeSpan.FromSeconds(40); // the longest back-off is 20 s

    [Fact]
    public async Task A_first_visit_is_subscribed_already_and_one_click_shows_an_event()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        await view.Subscribed("notifications");

        await view.Page.ClickAsync("#publish-button");

        await view.Event("New update available!");
        Assert.Equal(["notifications 1 live"], await view.Events());
        await Until.Equal("Published: notifications, offset 1", "the result", () => view.Page.Locator("#publish-result").InnerTextAsync());
        Assert.Empty(view.Faults);
    }

    [Fact]
    public async Task Events_of_the_channels_subscribed_to_are_shown_and_no_others()
    {
        await using var server = await ServerProcess.StartAsync();
        await server.Publish("orders.eu", """{"n":"before"}""");
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        await view.Subscribed("notifications");
        await view.Subscribe("orders.eu");

        await server.Publish("orders.us", """{"n":"elsewhere"}""");
        await server.Publish("orders.eu", """{"n":12345678901234567890}""");
        await view.Event("12345678901234567890"); // not rounded to a double
        await view.Page.ClickAsync("[aria-label='Unsubscribe from orders.eu']");
        await Until.Equal(0, "subscribers of orders.eu", () => Subscribers(server, "orders.eu"));
        await server.Publish("orders.eu", """{"n":"after"}""");
        await server.Publish("notifications", """{"n":"last"}""");
        await view.Event("last");

        Assert.Equal(["orders.eu 1 history", "orders.eu 2 live", "notifications 1 live"], await view.Events());
        Assert.Empty(view.Faults);
    }

    [Fact]
    public async Task A_pattern_shows_the_events_of_channels_to_come_and_recovers_them_after_a_cut()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var proxy = new FaultProxy(server.Port);
        await using var view = await chromium.OpenAsync(new Uri($"http://127.0.0.1:{proxy.Port}/"));
        await view.Subscribed("notifications");
        await view.Subscribe("orders.*");
        await server.Publish("orders.eu", """{"n":"first"}""");
        await view.Event("first");

        proxy.Refuse();
        proxy.Cut();
        await view.Shows("#state[data-state=waiting]");
        await server.Publish("orders.eu", """{"n":"second"}""");
        proxy.Accept();
        await view.Event("second", Reconnect);
        await server.Publish("orders.us", """{"n":"third"}""");
        await view.Event("third");

        Assert.Equal(["orders.eu 1 live", "orders.eu 2 recovered", "orders.us 1 live"], await view.Events());
        Assert.Equal(0, await view.Notices("refused"));
        Assert.Empty(view.Faults);
    }

    [Fact]
    public async Task The_channels_are_remembered_for_the_next_visit()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        await view.Subscribed("notifications");
        await view.Subscribe("orders.eu");
        await view.Page.ClickAsync("[aria-label='Unsubscribe from notifications']");

        await view.Page.ReloadAsync();

        await view.Subscribed("orders.eu");
        Assert.Equal(1, await view.Page.Locator("#channels li").CountAsync());
    }

    [Fact]
    public async Task A_cut_connection_comes_back_and_recovers_each_missed_event_once()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var proxy = new FaultProxy(server.Port);
        await using var view = await chromium.OpenAsync(new Uri($"http://127.0.0.1:{proxy.Port}/"));
        await view.Subscribed("notifications");
        for (var n = 1; n <= 3; n++)
            await server.Publish("notifications", $$"""{"n":"event {{n}}"}""");
        await view.Event("event 3");

        proxy.Refuse();
        proxy.Cut();
        await view.Shows("#state[data-state=waiting]");
        for (var n = 4; n <= 8; n++)
            await server.Publish("notifications", $$"""{"n":"event {{n}}"}""");
        proxy.Accept();
        Assert.Equal("notifications recovered 5 missed events", await view.Notice("recovered", Reconnect));
        await server.Publish("notifications", """{"n":"event 9"}""");
        await view.Event("event 9");

        Assert.Equal(
            [
                "notifications 1 live", "notifications 2 live", "notifications 3 live",
                "notifications 4 recovered", "notifications 5 recovered", "notifications 6 recovered", "notifications 7 recovered", "notifications 8 recovered",
                "notifications 9 live",
            ],
            await view.Events());
        Assert.Equal(0, await view.Notices("gap"));
        Assert.Equal(0, await view.Notices("lost"));
        Assert.Empty(view.Faults);
    }

    [Fact]
    public async Task After_a_crash_of_the_server_the_page_comes_back_tells_the_new_epoch_and_goes_on()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        await view.Subscribed("notifications");
        await view.Subscribe("orders.eu");
        await server.Publish("notifications", """{"n":"old world"}""");
        await view.Event("old world");

        await server.KillAsync();
        await view.Shows("#state[data-state=waiting]");
        await server.RestartAsync();
        Assert.Contains("could not recover: new epoch", await view.Notice("lost", Reconnect), StringComparison.Ordinal);
        await view.Subscribed("notifications");
        await view.Subscribed("orders.eu");
        await server.Publish("notifications", """{"n":"new world"}""");
        await view.Event("new world");

        Assert.Equal(["notifications 1 live", "notifications 1 live"], await view.Events());
        Assert.Equal(2, await view.Notices("lost"));
        Assert.Empty(view.Faults);
    }

    [Fact]
    public async Task A_server_that_is_stopped_in_good_order_and_comes_back_is_found_again()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        await view.Subscribed("notifications");

        Assert.Equal(0, await server.StopAsync(ChildProcess.SigInt));
        Assert.Contains("3001", await view.Notice("cut"), StringComparison.Ordinal);
        await server.RestartAsync();

        await view.Connected(Reconnect);
        await view.Subscribed("notifications");
        await server.Publish("notifications", """{"n":"again"}""");
        await view.Event("again");
        Assert.Empty(view.Faults);
    }

    [Fact]
    public async Task The_statistics_of_the_cluster_count_the_page_and_its_publications()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        await view.Subscribed("notifications");
        await view.Page.ClickAsync("#publish-button");

        foreach (var (id, value) in new[] { ("connections", "1"), ("channels", "1"), ("published", "1"), ("delivered", "1"), ("silos", "1") })
            await Until.Equal(value, id, () => view.Page.Locator($"#stat-{id}").InnerTextAsync());
    }

    [Fact]
    public async Task A_channel_the_server_refuses_is_told_and_not_kept()
    {
        await using var server = await ServerProcess.StartAsync();
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        await view.Subscribed("notifications");

        await view.Page.FillAsync("#channel-name", "nowhere:here");
        await view.Page.ClickAsync("#subscribe");

        Assert.Contains("code 102", await view.Notice("refused"), StringComparison.Ordinal);
        Assert.Equal(1, await view.Page.Locator("#channels li").CountAsync());
    }

    [Fact]
    public async Task Where_tokens_and_keys_are_asked_for_they_are_entered_on_the_page_and_go_into_no_address()
    {
        var key = ApiKeySecret.New();
        var token = Alice(600);
        await using var server = await StartWithTokens(key);
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        var addresses = new ConcurrentQueue<string>();
        view.Page.Request += (_, request) => addresses.Enqueue(request.Url);
        view.Page.WebSocket += (_, socket) => addresses.Enqueue(socket.Url);
        await view.Shows("#access[open] #access-problem:has-text('This server asks who you are: enter a connection token.')");
        await view.Shows("#stats-note:has-text('Statistics need an API key with the scope read')");

        await Enter(view, "garbage", "");
        await view.Shows("#access-problem:has-text('The token was refused:')");
        await view.Shows("#state[data-refused] #state-text:has-text('Connected, but not let in')");

        await Enter(view, token, key);
        await view.Shows("#state-text:has-text('Connected as alice')");
        await view.Shows("#access-state:has-text('alice until')");
        Assert.Equal("", await view.Page.Locator("#access-problem").InnerTextAsync());
        await view.Subscribed("notifications");
        await view.Page.ClickAsync("#publish-button");
        await view.Event("New update available!");
        await Until.Equal("1", "connections", () => view.Page.Locator("#stat-connections").InnerTextAsync());

        await view.Page.ReloadAsync(); // the same tab
        await view.Shows("#state-text:has-text('Connected as alice')");
        Assert.DoesNotContain(addresses.Append(view.Page.Url), address => address.Contains(token, StringComparison.Ordinal) || address.Contains(key, StringComparison.Ordinal));
        var kept = await view.Page.EvaluateAsync<string>("JSON.stringify(localStorage) + document.cookie");
        Assert.DoesNotContain(token, kept, StringComparison.Ordinal);
        Assert.DoesNotContain(key, kept, StringComparison.Ordinal);

        await view.Page.ClickAsync("#access summary");
        await view.Page.ClickAsync("#access-forget");
        await view.Shows("#access-problem:has-text('enter a connection token')");
        Assert.Equal("{\"token\":\"\",\"key\":\"\"}", await view.Page.EvaluateAsync<string>("sessionStorage.getItem('orleansnotify.access')"));
        Assert.Empty(view.Faults);
    }

    [Fact]
    public async Task A_token_that_expires_is_told_and_a_newer_one_brings_the_channels_back()
    {
        await using var server = await StartWithTokens(ApiKeySecret.New());
        await using var view = await chromium.OpenAsync(server.BaseAddress);
        await view.Shows("#access[open]");
        await Enter(view, Alice(6), "");
        await view.Subscribed("notifications");

        await view.Shows("#access-problem:has-text('The token has expired; get a new one. (code 109)')", Reconnect);
        await Enter(view, Alice(600), "");

        await view.Shows("#state-text:has-text('Connected as alice')");
        await view.Subscribed("notifications");
        Assert.Empty(view.Faults);
    }

    private static Task<ServerProcess> StartWithTokens(string key) => ServerProcess.StartAsync(arguments:
    [
        "--Notify:Tokens:Algorithms:0", "HS256", "--Notify:Tokens:HmacKeys:0", Convert.ToBase64String(Keys.Secret), "--Notify:Tokens:ClockSkew", "00:00:00",
        "--Notify:ApiKeys:0:Name", "page", "--Notify:ApiKeys:0:Hash", Convert.ToHexString(ApiKeySecret.Hash(key)), "--Notify:ApiKeys:0:Scopes:0", "publish", "--Notify:ApiKeys:0:Scopes:1", "read",
    ]);

    private static string Alice(int seconds) => Keys.Hs256(Keys.Claims(("exp", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + seconds)));

    private static async Task Enter(PageView view, string token, string key)
    {
        await view.Page.FillAsync("#access-token", token);
        await view.Page.FillAsync("#access-key", key);
        await view.Page.ClickAsync("#access-use");
    }

    private static async Task<int> Subscribers(ServerProcess server, string channel)
    {
        using var stats = System.Text.Json.JsonDocument.Parse(await server.Http.GetStringAsync(new Uri("api/stats", UriKind.Relative)));
        return stats.RootElement.GetProperty("channels").TryGetProperty(channel, out var count) ? count.GetInt32() : 0;
    }
}
