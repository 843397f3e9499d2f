using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary><c>Notify:Channels</c>, with other values than the defaults.</summary>
public sealed class ChannelLimitTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync(new()
    {
        ["Notify:Channels:HistoryPageSize"] = "25",
        ["Notify:Channels:RecoverySize"] = "5",
        ["Notify:Channels:PageBytes"] = "65536",
    });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task A_page_of_history_has_as_many_publications_as_configured_by_whatever_way_it_is_asked_for()
    {
        await _server.Http.PublishMany("page", 1, 30);

        var (_, page) = await _server.Http.Get("/api/channels/page/history");
        Assert.Equal(Enumerable.Range(1, 25), page.GetProperty("publications").EnumerateArray().Numbers());
        var (status, refused) = await _server.Http.Get("/api/channels/page/history?limit=26");
        Assert.Equal((400, "The parameter 'limit' must be a whole number from 0 to 25."), (status, refused.GetProperty("detail").GetString()));
        (status, refused) = await _server.Http.Get("/sse?channel=page&history=26");
        Assert.Equal((400, "The parameter 'history' must be a whole number from 0 to 25."), (status, refused.GetProperty("detail").GetString()));
        var document = await _server.Http.GetStringAsync(new Uri("/openapi/v1.json", UriKind.Relative));
        Assert.Contains("0 (the position alone) to 25; default 25.", document, StringComparison.Ordinal);

        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        await client.Send("""{"type":"history","channel":"page"}""");
        Assert.Equal(Enumerable.Range(1, 25), (await client.Take("history")).GetProperty("publications").EnumerateArray().Numbers());
        await client.Send("""{"type":"history","channel":"page","limit":26}""");
        Assert.Equal("\"limit\" must be a whole number from 0 to 25, in digits only.", (await client.Take("error")).GetProperty("message").GetString());
        await client.Send("""{"type":"subscribe","channel":"page","history":26}""");
        Assert.Equal("\"history\" must be a whole number from 0 to 25, in digits only.", (await client.Take("error")).GetProperty("message").GetString());
        await client.Subscribe("page", "\"history\":25");
        Assert.Equal(Enumerable.Range(6, 25), (await client.TakeEvents(25)).Numbers());
    }

    [Fact]
    public async Task Behind_a_filter_the_last_ones_are_looked_for_among_a_page_of_history()
    {
        await _server.Http.Post("/api/events", """{"channel":"tagged","data":{"n":1},"tags":["a"]}""");
        await _server.Http.Post("/api/events", """{"channel":"tagged","data":{"n":2},"tags":["a"]}""");
        await _server.Http.PublishMany("tagged", 3, 26);
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);

        await client.Subscribe("tagged", "\"tags\":[\"a\"],\"history\":2");

        Assert.Equal([2], (await client.TakeEvents(1)).Numbers());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public async Task So_many_missed_publications_are_recovered_and_one_more_is_not()
    {
        await using var observer = await _server.WebSocket.Subscribed("missed");
        await _server.Http.PublishMany("missed", 1, 10);
        await observer.TakeEvents(10);

        Assert.Equal(Enumerable.Range(6, 5), await Recover("missed", 5));
        Assert.Null(await Recover("missed", 4));
    }

    [Fact]
    public async Task So_many_bytes_are_a_page_and_a_recovery_and_more_are_not()
    {
        var filler = new string('x', 30_000);
        await using var observer = await _server.WebSocket.Subscribed("large");
        for (var n = 1; n <= 3; n++)
            await _server.Http.Publish("large", $$"""{"n":{{n}},"filler":"{{filler}}"}""");
        await observer.TakeEvents(3);

        Assert.Equal([2, 3], await Recover("large", 1));
        Assert.Null(await Recover("large", 0));
        var (_, page) = await _server.Http.Get("/api/channels/large/history");
        Assert.Equal([1, 2], page.GetProperty("publications").EnumerateArray().Numbers());
    }

    // What is recovered; null: nothing is.
    private async Task<IEnumerable<int>?> Recover(string channel, int offset)
    {
        var epoch = (await _server.Http.Get($"/api/channels/{channel}")).Body.GetProperty("epoch").GetString();
        await using var client = await WsClient.ConnectAsync(_server.WebSocket);
        var reply = await client.Subscribe(channel, $$"""
            "recover":{"epoch":"{{epoch}}","offset":{{offset}}}
            """);
        if (reply.GetProperty("recovered").GetBoolean())
            return (await client.TakeEvents(reply.GetProperty("offset").GetInt32() - offset)).Numbers();
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
        return null;
    }
}
