using OrleansNotify.Testing;

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

    private static async Task<int> Subscribers(ServerProcess server, string channel)
    {
        using var stats = System.Text.Json.JsonDocument.Parse(await server.Http.GetStringAsync(new Uri("api/stats", UriKind.Relative)));
        return stats.RootElement.GetProperty("channels").TryGetProperty(channel, out var count) ? count.GetInt32() : 0;
    }
}
