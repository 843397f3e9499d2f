using System.Text;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Positions that are none, or none of ours: in <c>recover</c>, in <c>since</c>, and over HTTP.</summary>
public sealed class PositionTests(BadInputServer server) : BadInputTest(server)
{
    [Theory]
    [InlineData("""{"epoch":"x","offset":-1}""", "offset\" must be a whole number from 0 to 18446744073709551615, in digits only.")]
    [InlineData("""{"epoch":"x","offset":18446744073709551616}""", "offset\" must be a whole number from 0 to 18446744073709551615, in digits only.")]
    [InlineData("""{"epoch":"x","offset":1.0}""", "offset\" must be a whole number from 0 to 18446744073709551615, in digits only.")]
    [InlineData("""{"epoch":"x","offset":1e2}""", "offset\" must be a whole number from 0 to 18446744073709551615, in digits only.")]
    [InlineData("""{"epoch":"x","offset":"1"}""", "offset\" must be a whole number from 0 to 18446744073709551615, in digits only.")]
    [InlineData("""{"epoch":"x","offset":null}""", "offset\" must be a whole number from 0 to 18446744073709551615, in digits only.")]
    [InlineData("""{"epoch":1,"offset":1}""", "epoch\" must be a string, as the server sent it, not a number.")]
    [InlineData("""{"epoch":null,"offset":1}""", "epoch\" must be a string, as the server sent it, not null.")]
    public async Task A_position_with_a_wrong_part_is_107(string position, string problem)
    {
        await using var raw = await Server.Open();
        (await raw.Ask($$"""{"type":"subscribe","channel":"pos.wrong","recover":{{position}}}""")).AssertError(107, "\"recover." + problem);
        (await raw.Ask($$"""{"type":"history","channel":"pos.wrong","since":{{position}}}""")).AssertError(107, "\"since." + problem);
        await raw.AssertGoesOn();
    }

    [Theory]
    [InlineData("""{"epoch":"x"}""", "offset")]
    [InlineData("""{"offset":1}""", "epoch")]
    [InlineData("""{}""", "epoch")]
    public async Task A_position_with_a_part_missing_is_107(string position, string missing)
    {
        await using var raw = await Server.Open();
        var problem = $"must be an object {{\"epoch\":\"…\",\"offset\":0}}; \"{missing}\" is missing.";
        (await raw.Ask($$"""{"type":"subscribe","channel":"pos.part","recover":{{position}}}""")).AssertError(107, "\"recover\" " + problem);
        (await raw.Ask($$"""{"type":"history","channel":"pos.part","since":{{position}}}""")).AssertError(107, "\"since\" " + problem);
        await raw.AssertGoesOn();
    }

    [Theory]
    [InlineData("\"{{0}}\"", "18446744073709551615")]
    [InlineData("\"{{0}}\"", "4")]
    [InlineData("\"not-ours\"", "1")]
    [InlineData("\"\"", "0")]
    [InlineData("\"0-0-0\"", "0")]
    [InlineData("\"7fffffffffffffff-7fffffffffffffff-ffffffffffffffff\"", "18446744073709551615")]
    [InlineData("\"\\u0000\\\"\"", "1")]
    public async Task A_position_this_channel_never_had_is_told_as_not_recovered_and_live_events_follow(string epoch, string offset)
    {
        var channel = $"pos.foreign.{Guid.NewGuid():n}";
        for (var n = 1; n <= 3; n++)
            await Server.Http.Publish(channel, $$"""{"n":{{n}}}""");
        await using var raw = await Server.Open();
        var own = (await raw.Ask($$"""{"type":"history","channel":"{{channel}}","limit":0}""")).GetProperty("epoch").GetString()!;
        epoch = epoch.Replace("{{0}}", own, StringComparison.Ordinal);

        var subscribed = await raw.Ask($$"""{"type":"subscribe","channel":"{{channel}}","recover":{"epoch":{{epoch}},"offset":{{offset}}} }""");

        Assert.True(subscribed.GetProperty("wasRecovering").GetBoolean(), subscribed.GetRawText());
        Assert.False(subscribed.GetProperty("recovered").GetBoolean(), subscribed.GetRawText());
        Assert.Equal((own, 3), (subscribed.GetProperty("epoch").GetString(), subscribed.GetProperty("offset").GetInt32()));
        await Server.Http.Publish(channel, """{"n":4}""");
        var live = await raw.Next();
        Assert.Equal(("event", 4), (live.GetProperty("type").GetString(), live.GetProperty("offset").GetInt32()));
        (await raw.Ask($$"""{"type":"history","channel":"{{channel}}","since":{"epoch":{{epoch}},"offset":{{(offset == "4" ? "5" : offset)}}} }"""))
            .AssertError(112, "History does not know this position; ask without since.");
        await raw.AssertGoesOn();
    }

    [Theory]
    [InlineData("since=-1", 400)]
    [InlineData("since=1.5", 400)]
    [InlineData("since=18446744073709551616", 400)]
    [InlineData("since=x", 400)]
    [InlineData("since=", 400)]
    [InlineData("since=18446744073709551615", 409)]
    [InlineData("since=0&epoch=not-ours", 409)]
    [InlineData("since=0&epoch=0-0-0", 409)]
    public async Task A_position_that_is_none_is_4xx_over_http(string query, int status)
    {
        await Server.Http.Publish("pos.http", "1");
        var request = $"GET /api/channels/pos.http/history?{query} HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\n\r\n";
        (await RawSocket.Http(Server.Port, Encoding.ASCII.GetBytes(request)))
            .AssertProblem(status, status == 400 ? "The parameter 'since' must be a whole number from 0 to 18446744073709551615." : "The channel does not know this position …", status == 400 ? "since" : null);
    }
}
