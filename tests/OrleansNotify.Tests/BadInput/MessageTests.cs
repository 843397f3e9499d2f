using System.Text;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Text messages that are no commands: each gets its error, and the connection goes on.</summary>
public sealed class MessageTests(BadInputServer server) : BadInputTest(server)
{
    private const string Types = "send subscribe, unsubscribe, ping, publish, history, presence, presence_stats, auth or refresh.";

    [Theory]
    [InlineData("hello", "Invalid JSON: …")]
    [InlineData("", "Invalid JSON: …")]
    [InlineData("   ", "Invalid JSON: …")]
    [InlineData("{", "Invalid JSON: …")]
    [InlineData("""{"type":"ping"}{"type":"ping"}""", "Invalid JSON: …")]
    [InlineData("""{"type":"ping",}""", "Invalid JSON: …")]
    [InlineData("""{"type":"ping"/* no */}""", "Invalid JSON: …")]
    [InlineData("""{'type':'ping'}""", "Invalid JSON: …")]
    [InlineData("""{"type":"pi\ng"}""", "Unknown type \"pi\uFFFDg\"; " + Types, 104)]
    [InlineData("\uFEFF{\"type\":\"ping\"}", "Invalid JSON: it begins with a byte order mark; send UTF-8 without one.")]
    [InlineData("null", """A message must be one JSON object, such as {"type":"ping"}.""")]
    [InlineData("""[{"type":"ping"}]""", """A message must be one JSON object, such as {"type":"ping"}.""")]
    [InlineData("\"ping\"", """A message must be one JSON object, such as {"type":"ping"}.""")]
    public async Task What_is_no_json_object_is_refused(string text, string message, int code = 107)
    {
        await using var raw = await Server.Open();
        (await raw.Ask(text)).AssertError(code, message);
        await raw.AssertGoesOn();
    }

    [Theory]
    [InlineData("""{"type":"ping","x":"\ud800"}""")]
    [InlineData("""{"type":"ping","x":"\udc00\ud800"}""")]
    [InlineData("""{"type":"ping","\uDBFF":1}""")]
    [InlineData("""{"type":"publish","channel":"chat:x","data":{"a":["\ud800\u0041"]}}""")]
    public async Task An_escape_of_half_a_surrogate_pair_is_refused(string text)
    {
        await using var raw = await Server.Open();
        (await raw.Ask(text)).AssertError(107, "Invalid JSON: a \\u escape of half a surrogate pair (byte…");
        await raw.AssertGoesOn();
    }

    [Theory]
    [InlineData("""{"type":"ping","type":"ping"}""", "type")]
    [InlineData("""{"type":"ping","\u0074ype":"subscribe"}""", "type")]
    [InlineData("""{"type":"ping","unknown":{"a":1,"b":2,"a":3}}""", "a")]
    [InlineData("""{"type":"publish","channel":"chat:x","data":{"a":1,"\u0061":2}}""", "a")]
    public async Task A_key_that_stands_twice_in_one_object_is_refused(string text, string key)
    {
        await using var raw = await Server.Open();
        (await raw.Ask(text)).AssertError(107, $"Invalid JSON: the key \"{key}\" stands twice in one object (byte…");
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task Data_may_be_32_levels_deep_and_not_33()
    {
        await using var raw = await Server.Open();
        var published = await raw.Ask(Publish(Nested(32)));
        Assert.Equal("published", published.GetProperty("type").GetString());
        (await raw.Ask(Publish(Nested(33)))).AssertError(107, "Invalid JSON: nested deeper than 33 levels (byte…");
        (await raw.Ask(Publish(Nested(20_000)))).AssertError(107, "Invalid JSON: nested deeper than 33 levels (byte…");
        await raw.AssertGoesOn();

        static string Publish(string data) => $$"""{"type":"publish","channel":"chat:deep","data":{{data}}}""";
    }

    [Theory]
    [InlineData("""{"type":"dance"}""", 104, "Unknown type \"dance\"; " + Types, null)]
    [InlineData("""{"type":"Ping","id":1}""", 104, "Unknown type \"Ping\"; " + Types, "1")]
    [InlineData("""{"type":"","id":"x"}""", 104, "Unknown type \"\"; " + Types, "\"x\"")]
    [InlineData("""{}""", 107, "\"type\" is missing; " + Types, null)]
    [InlineData("""{"type":null,"id":1}""", 107, "\"type\" is missing; " + Types, "1")]
    [InlineData("""{"type":7}""", 107, "\"type\" must be a string, not a number.", null)]
    [InlineData("""{"type":"ping","id":true}""", 107, "\"id\" must be a string or a number, not true or false.", null)]
    [InlineData("""{"type":"ping","id":{"a":1}}""", 107, "\"id\" must be a string or a number, not an object.", null)]
    [InlineData("""{"type":"ping","id":"00000000001111111111222222222233333333334444444444555555555566666"}""", 107, "\"id\" takes 67 bytes; at most 64, quotes included.", null)]
    [InlineData("""{"type":"subscribe"}""", 107, "Invalid channel: \"channel\" is missing; name a channel.", null)]
    [InlineData("""{"type":"subscribe","channel":null}""", 107, "Invalid channel: \"channel\" is missing; name a channel.", null)]
    [InlineData("""{"type":"subscribe","channel":["a"],"id":1}""", 107, "Invalid channel: \"channel\" must be a string, not an array.", "1")]
    [InlineData("""{"type":"unsubscribe"}""", 107, "Invalid channel: \"channel\" is missing; name a channel.", null)]
    [InlineData("""{"type":"subscribe","channel":"a","history":"3"}""", 107, "\"history\" must be a whole number from 0 to 300, not a string.", null)]
    [InlineData("""{"type":"subscribe","channel":"a","history":-1}""", 107, "\"history\" must be a whole number from 0 to 300, in digits only.", null)]
    [InlineData("""{"type":"subscribe","channel":"a","history":1.5}""", 107, "\"history\" must be a whole number from 0 to 300, in digits only.", null)]
    [InlineData("""{"type":"subscribe","channel":"a","history":301}""", 107, "\"history\" must be a whole number from 0 to 300, in digits only.", null)]
    [InlineData("""{"type":"subscribe","channel":"a","history":99999999999999999999999}""", 107, "\"history\" must be a whole number from 0 to 300, in digits only.", null)]
    [InlineData("""{"type":"subscribe","channel":"a","presence":1}""", 107, "\"presence\" must be true or false, not a number.", null)]
    [InlineData("""{"type":"subscribe","channel":"a","recover":5}""", 107, "\"recover\" must be an object …", null)]
    [InlineData("""{"type":"publish","channel":"chat:x"}""", 107, "\"data\" is missing; send any JSON value.", null)]
    [InlineData("""{"type":"publish","channel":"chat:x","data":1,"event":""}""", 107, "\"event\" has text of 0 characters; it takes 1 to 64.", null)]
    [InlineData("""{"type":"publish","channel":"chat:x","data":1,"event":"a\u0000b"}""", 107, "\"event\" has a control character or half a surrogate pair; leave it out.", null)]
    [InlineData("""{"type":"publish","channel":"chat:x","data":1,"tags":"a"}""", 107, "\"tags\" must be an array of strings, not a string.", null)]
    [InlineData("""{"type":"publish","channel":"chat:x","data":1,"tags":["a",1]}""", 107, "\"tags\" entry 2 must be a string, not a number.", null)]
    [InlineData("""{"type":"publish","channel":"chat:x","data":1,"tags":["1","2","3","4","5","6","7","8","9","10","11"]}""", 107, "\"tags\" has more than 10 entries; send at most 10.", null)]
    [InlineData("""{"type":"publish","channel":"chat:x","data":1,"idempotencyKey":""}""", 107, "\"idempotencyKey\" has text of 0 characters; it takes 1 to 255.", null)]
    [InlineData("""{"type":"publish","channel":"chat:x","data":1,"echo":"no"}""", 107, "\"echo\" must be true or false, not a string.", null)]
    [InlineData("""{"type":"history","channel":"a","limit":301}""", 107, "\"limit\" must be a whole number from 0 to 300, in digits only.", null)]
    [InlineData("""{"type":"history","channel":"a","reverse":"yes"}""", 107, "\"reverse\" must be true or false, not a string.", null)]
    public async Task A_command_with_a_wrong_type_or_field_is_refused_by_a_sentence_that_names_it(string text, int code, string message, string? id)
    {
        await using var raw = await Server.Open();
        (await raw.Ask(text)).AssertError(code, message, id);
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task Subscribing_twice_is_105_and_the_first_subscription_stays()
    {
        await using var raw = await Server.Open();
        Assert.Equal("subscribed", (await raw.Ask("""{"type":"subscribe","channel":"twice"}""")).GetProperty("type").GetString());
        (await raw.Ask("""{"type":"subscribe","channel":"twice","id":2}"""))
            .AssertError(105, "Already subscribed to this channel; unsubscribe first to change options.", "2");

        var (status, _) = await EndToEnd.Http.Post(Server.Http, "/api/events", """{"channel":"twice","data":1}""");
        Assert.Equal(202, status);
        Assert.Equal(1, (await raw.Next()).GetProperty("offset").GetInt32());
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task Unsubscribing_without_subscription_is_108()
    {
        await using var raw = await Server.Open();
        (await raw.Ask("""{"type":"unsubscribe","channel":"never"}""")).AssertError(108, "Not subscribed to this channel.");
        await raw.Ask("""{"type":"subscribe","channel":"never"}""");
        await raw.Ask("""{"type":"unsubscribe","channel":"never"}""");
        (await raw.Ask("""{"type":"unsubscribe","channel":"never","id":"again"}""")).AssertError(108, "Not subscribed to this channel.", "\"again\"");
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task The_129th_subscription_is_106_and_the_first_128_stay()
    {
        await using var raw = await Server.Open();
        for (var i = 1; i <= 128; i++)
            await raw.SendText($$"""{"type":"subscribe","channel":"limit.{{i}}"}""");
        for (var i = 1; i <= 128; i++)
            Assert.Equal("subscribed", (await raw.Next()).GetProperty("type").GetString());
        (await raw.Ask("""{"type":"subscribe","channel":"limit.129","id":129}"""))
            .AssertError(106, "At most 128 subscriptions per connection; unsubscribe from one, or open another connection.", "129");

        await raw.Ask("""{"type":"unsubscribe","channel":"limit.7"}""");
        Assert.Equal("subscribed", (await raw.Ask("""{"type":"subscribe","channel":"limit.129"}""")).GetProperty("type").GetString());
        await raw.AssertGoesOn();
    }

    [Theory]
    [InlineData("chat:*", 6)]
    [InlineData("chat:a.**", 8)]
    [InlineData("*", 1)]
    public async Task A_pattern_is_neither_published_to_nor_has_it_a_history(string pattern, int position)
    {
        await using var raw = await Server.Open();
        foreach (var command in new[] { "publish", "history" })
        {
            (await raw.Ask($$"""{"type":"{{command}}","channel":"{{pattern}}","data":1}"""))
                .AssertError(107, $"Invalid channel: '*' at position {position} makes a pattern, which can only be subscribed to; name one channel.");
        }
        await raw.AssertGoesOn();
    }

    [Theory]
    [InlineData("@system", 103, "Clients may not publish to channels that begin with '@' or '#'; only the HTTP API does.")]
    [InlineData("@broadcast", 103, "Clients may not publish to channels that begin with '@' or '#'; only the HTTP API does.")]
    [InlineData("#42", 103, "Clients may not publish to channels that begin with '@' or '#'; only the HTTP API does.")]
    [InlineData("@other", 107, "Invalid channel: names that begin with '@' are reserved; there are @system and @broadcast, no other.")]
    [InlineData("nowhere:x", 102, "Unknown namespace 'nowhere'…")]
    [InlineData("$chat:x", 103, "A private channel needs a subscription token: send it with subscribe as \"token\".")]
    [InlineData("chat:x#42", 103, "This channel is only for the users named behind '#'.")]
    [InlineData("closed", 103, "Clients may not publish here: …")]
    public async Task A_client_publishes_to_no_reserved_name(string channel, int code, string message)
    {
        await using var raw = await Server.Open();
        (await raw.Ask($$"""{"type":"publish","channel":"{{channel}}","data":1,"id":1}""")).AssertError(code, message, "1");
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task A_hundred_bad_messages_in_a_row_end_the_connection_with_3501_and_99_do_not()
    {
        await using var raw = await Server.Open();
        for (var i = 0; i < 99; i++)
            (await raw.Ask("hello")).AssertError(107, "Invalid JSON: …");
        await raw.AssertGoesOn(); // a good one: the count begins anew
        for (var i = 0; i < 100; i++)
            (await raw.Ask("hello")).AssertError(107, "Invalid JSON: …");

        var close = await raw.ReadFrame();

        Assert.Equal((8, 3501), (close!.Opcode, close.CloseCode));
        Assert.Equal("100 bad messages in a row.", Encoding.UTF8.GetString(close.Payload.AsSpan(2)));
        Assert.Null(await raw.ReadFrame());
    }

    private static string Nested(int levels) => new string('[', levels) + new string(']', levels);
}
