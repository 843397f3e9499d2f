using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using OrleansNotify.Server.Page;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Page;

/// <summary>The page in a real browser, with a server that says what the real one says rarely or never on demand.</summary>
[Collection(Chromium.Collection)]
public sealed class PageScriptTests(Chromium chromium) : IAsyncLifetime
{
    private readonly ConcurrentQueue<(string Body, string Key)> _published = new();
    private ScriptedServer _server = null!;
    private int _publishStatus = 202;

    public async Task InitializeAsync() => _server = await ScriptedServer.StartAsync(app =>
    {
        app.MapPage();
        app.MapGet("/api/stats", () => Results.Json(new { active_connections = 12_345, channels = new { a = 1, b = 2 }, silos = 3, published = 1, delivered = 2, uptime_seconds = 7_300.5, partial = true }));
        app.MapPost("/api/events", async (HttpRequest request) =>
        {
            using var reader = new StreamReader(request.Body, Encoding.UTF8);
            _published.Enqueue((await reader.ReadToEndAsync(), request.Headers["Idempotency-Key"].ToString()));
            return _publishStatus == 202
                ? Results.Json(new { id = "evt_1", channel = "notifications", epoch = "A", offset = 1 }, statusCode: 202)
                : Results.Problem("data: longer than 65536 bytes.", statusCode: _publishStatus);
        });
    });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task Holes_and_a_change_of_epoch_are_shown()
    {
        await using var view = await chromium.OpenAsync(_server.BaseAddress);
        var connection = await Join(offset: 4);

        await connection.Say(Event(7, "A"));
        Assert.Equal("notifications gap: 2 events will not arrive", await view.Notice("gap"));
        await connection.Say("""{"type":"position","channel":"notifications","epoch":"B","offset":0,"recovered":false}""");
        Assert.Contains("new epoch", await view.Notice("lost"), StringComparison.Ordinal);
        await connection.Say(Event(1, "B"));
        await view.Shows("li.event[data-epoch=B]");

        Assert.Equal(["notifications 7 live", "notifications 1 live"], await view.Events());
    }

    [Theory]
    [InlineData(3500)]
    [InlineData(4999)]
    public async Task A_code_that_asks_to_stay_away_is_honoured_until_the_person_asks(int code)
    {
        await using var view = await chromium.OpenAsync(_server.BaseAddress);
        var connection = await Join(offset: 0);

        await connection.Close(code, "not you");
        Assert.Contains("not you", await view.Notice("error"), StringComparison.Ordinal);
        await view.Shows("#state[data-state=closed][data-final]");
        Assert.Equal(1, _server.Accepted);
        await view.Page.ClickAsync("#reconnect");

        await Resume(_server, offset: 0);
        await view.Connected();
        Assert.Equal(2, _server.Accepted);
    }

    [Fact]
    public async Task Neither_names_nor_data_nor_messages_become_markup()
    {
        await using var view = await chromium.OpenAsync(_server.BaseAddress);
        var connection = await Join(offset: 0);

        const string evil = "<img src=x onerror=document.title='owned'>";
        await connection.Say($$$"""{"type":"event","channel":"@broadcast","id":"evt_1","offset":1,"epoch":"A","event":"{{{evil}}}","tags":["{{{evil}}}"],"data":{"id":"evt_1","timestamp":"{{{evil}}}","message":"{{{evil}}}"}}""");
        await connection.Say($$"""{"type":"error","code":100,"message":"{{evil}}"}""");
        await view.Notice("error");

        Assert.Equal(0, await view.Page.Locator("#events img").CountAsync());
        Assert.Equal("OrleansNotify", await view.Page.TitleAsync());
        Assert.Contains(evil, await view.Page.Locator("li.event pre").InnerTextAsync(), StringComparison.Ordinal);
        Assert.Empty(view.Faults);
    }

    [Fact]
    public async Task The_newest_500_entries_are_kept_however_fast_they_come()
    {
        await using var view = await chromium.OpenAsync(_server.BaseAddress);
        var connection = await Join(offset: 0);

        for (var offset = 1; offset <= 1_200; offset++)
            await connection.Say(Event(offset, "A"));
        await view.Shows("li.event[data-offset='1200']");

        var events = await view.Events();
        Assert.Equal(500, events.Length);
        Assert.Equal("notifications 701 live", events[0]);
        Assert.Equal($"{1_200:N0}".Replace('.', ','), (await view.Page.Locator("#received").InnerTextAsync()).Replace('.', ','));
        await view.Page.ClickAsync("#clear");
        Assert.Empty(await view.Events());
    }

    [Fact]
    public async Task Data_that_is_no_JSON_is_explained_and_not_sent()
    {
        await using var view = await chromium.OpenAsync(_server.BaseAddress);

        await view.Page.FillAsync("#publish-data", "{\"message\": }");
        await view.Page.ClickAsync("#publish-button");

        await view.Shows("#publish-problem:has-text('This is not JSON yet')");
        Assert.Equal("true", await view.Page.GetAttributeAsync("#publish-data", "aria-invalid"));
        Assert.Empty(_published);
        await view.Page.FillAsync("#publish-data", "{\"message\": 1.50}");
        await view.Page.PressAsync("#publish-data", "Control+Enter");
        await view.Shows("#publish-result.done");
        Assert.Equal("{\"channel\":\"notifications\",\"data\":{\"message\": 1.50}}", _published.Single().Body);
    }

    [Theory]
    [InlineData("custom", "orders.eu", """{"channel":"orders.eu","data":1}""")]
    [InlineData("user", "42", """{"type":"user","user":"42","data":1}""")]
    [InlineData("broadcast", null, """{"type":"broadcast","data":1}""")]
    [InlineData("system", null, """{"type":"system","data":1}""")]
    public async Task Each_type_of_event_can_be_published(string type, string? target, string body)
    {
        await using var view = await chromium.OpenAsync(_server.BaseAddress);

        await view.Page.SelectOptionAsync("#publish-type", type);
        if (target is not null)
            await view.Page.FillAsync("#publish-target", target);
        await view.Page.FillAsync("#publish-data", "1");
        await view.Page.ClickAsync("#publish-button");

        await view.Shows("#publish-result.done");
        Assert.Equal(target is not null, await view.Page.IsVisibleAsync("#publish-target"));
        Assert.Equal(body, _published.Single().Body);
        Assert.Matches("^[0-9a-f]{32}$", _published.Single().Key);
    }

    [Fact]
    public async Task A_refused_publication_shows_the_reason_given_by_the_server()
    {
        _publishStatus = 413;
        await using var view = await chromium.OpenAsync(_server.BaseAddress);

        await view.Page.ClickAsync("#publish-button");

        await view.Shows("#publish-problem:has-text('data: longer than 65536 bytes.')");
        Assert.True(await view.Page.IsEnabledAsync("#publish-button"));
    }

    [Fact]
    public async Task Statistics_are_shown_and_partial_ones_say_so()
    {
        await using var view = await chromium.OpenAsync(_server.BaseAddress);

        await view.Shows("#stats-note:has-text('partial')");

        Assert.Equal(["12.3K", "2", "1", "2", "3", "2 h"], await view.Page.Locator("#stats dd:not(.rate)").AllInnerTextsAsync());
    }

    [Theory]
    [InlineData(1280)]
    [InlineData(320)]
    public async Task Nothing_is_wider_than_the_window_and_every_control_has_a_name(int width)
    {
        await using var view = await chromium.OpenAsync(_server.BaseAddress, width, 700);
        var connection = await Join(offset: 0);
        await connection.Say(Event(1, "A", new string('w', 300)));
        await connection.Say($$"""{"type":"error","code":100,"message":"{{new string('m', 300)}}"}""");
        await view.Notice("error");

        Assert.Equal(width, await view.Page.EvaluateAsync<int>("document.documentElement.scrollWidth"));
        var nameless = await view.Page.EvaluateAsync<string[]>(
            "[...document.querySelectorAll('input,select,textarea,button,a')].filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map(e => e.outerHTML)");
        Assert.Empty(nameless);
        Assert.Empty(view.Faults);
    }

    private static string Event(int offset, string epoch, string message = "m") =>
        $$$"""{"type":"event","channel":"notifications","id":"evt_{{{offset}}}","offset":{{{offset}}},"epoch":"{{{epoch}}}","data":{"id":"evt_{{{offset}}}","timestamp":"2024-01-15T10:30:00Z","message":"{{{message}}}"}}""";

    /// <summary>Takes the page's connection and answers its first subscription.</summary>
    private Task<ScriptedConnection> Join(int offset) => Answer(_server, offset, recovering: false);

    private static Task<ScriptedConnection> Resume(ScriptedServer server, int offset) => Answer(server, offset, recovering: true);

    private static async Task<ScriptedConnection> Answer(ScriptedServer server, int offset, bool recovering)
    {
        var connection = await server.Accept();
        var command = await connection.Expect("subscribe");
        Assert.Equal("notifications", command.GetProperty("channel").GetString());
        Assert.Equal(recovering, command.TryGetProperty("recover", out _));
        await connection.Say(JsonSerializer.Serialize(new
        {
            type = "subscribed",
            id = command.GetProperty("id"),
            channel = "notifications",
            epoch = "A",
            offset,
            recoverable = true,
            wasRecovering = recovering,
            recovered = recovering,
        }));
        return connection;
    }
}
