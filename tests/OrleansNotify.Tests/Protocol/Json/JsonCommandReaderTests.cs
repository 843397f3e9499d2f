using System.Text;
using CsCheck;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.Tests.Protocol.Json;

public class JsonCommandReaderTests
{
    private const int MaxHistory = 300;

    private const string Epoch = "1-18d-ff";

    [Fact]
    public void The_base_commands_are_read()
    {
        Assert.Equal(new SubscribeCommand(default, "notifications", null, null, HasOptions: false), Read("""{"type":"subscribe","channel":"notifications"}"""));
        Assert.Equal(new UnsubscribeCommand(default, "notifications"), Read("""{"type":"unsubscribe","channel":"notifications"}"""));
        Assert.Equal(new PingCommand(default), Read(""" {"type":"ping"} """));
    }

    [Fact]
    public void A_pattern_is_subscribed_to_with_the_positions_of_its_channels()
    {
        var positions = string.Join(',', Enumerable.Range(0, 300).Select(n => $$"""{"offset":{{n}},"x":[1],"epoch":"1-2-3","channel":"chat.{{n}}"}"""));
        Assert.True(JsonCommandReader.TryRead(Encoding.UTF8.GetBytes($$"""{"type":"subscribe","recover":[{{positions}}],"channel":"chat.*"}"""), MaxHistory, out var command, out _));

        var subscribe = Assert.IsType<SubscribeCommand>(command);
        Assert.Equal(("chat.*", "chat.*", null, true), (subscribe.Channel, subscribe.Pattern!.Text, subscribe.Recover, subscribe.HasOptions));
        Assert.Equal(300, subscribe.Recoveries.Count);
        Assert.Equal(new ChannelRecovery("chat.7", new RecoverFrom(new ChannelEpoch(1, 2, 3), 7)), subscribe.Recoveries[7]);

        var tooMany = $$"""{"type":"subscribe","recover":[{{positions}},{"offset":1,"epoch":"1-2-3","channel":"chat.x"}],"channel":"chat.*"}""";
        Assert.False(JsonCommandReader.TryRead(Encoding.UTF8.GetBytes(tooMany), MaxHistory, out _, out var problem));
        Assert.Equal("\"recover\" may list at most 300 channels.", problem.Message);
    }

    [Theory]
    [InlineData("""{"type":"subscribe","channel":"a","history":0}""", 0)]
    [InlineData("""{"type":"subscribe","channel":"a","history":300,"recover":null}""", 300)]
    public void Subscribe_takes_a_count_of_history(string json, int history)
    {
        var command = Assert.IsType<SubscribeCommand>(Read(json));
        Assert.Equal((history, true), (command.History, command.HasOptions));
    }

    [Fact]
    public void Subscribe_takes_a_position_to_recover_from()
    {
        var command = Assert.IsType<SubscribeCommand>(Read($$"""{"recover":{"x":[1],"offset":18446744073709551615,"epoch":"{{Epoch}}"},"channel":"a","type":"subscribe"}"""));
        Assert.Equal(new RecoverFrom(new ChannelEpoch(1, 0x18d, 0xff), ulong.MaxValue), command.Recover);
        Assert.True(command.HasOptions);
    }

    [Theory]
    [InlineData("")]
    [InlineData("foreign")]
    [InlineData("0-0-0")]
    [InlineData("01-1-1")]
    [InlineData("1-1-1-1")]
    [InlineData("\\ud83d\\ude00")]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345678901234567890")]
    public void An_epoch_that_is_none_of_ours_is_kept_as_none_at_all(string epoch)
    {
        var command = Assert.IsType<SubscribeCommand>(Read($$"""{"type":"subscribe","channel":"a","recover":{"epoch":"{{epoch}}","offset":7} }"""));
        Assert.Equal(new RecoverFrom(null, 7), command.Recover);
    }

    [Theory]
    [InlineData("\"id\":1", true)]
    [InlineData("\"presence\":false", true)]
    [InlineData("\"presence\":null,\"token\":null,\"tags\":null,\"id\":null,\"history\":null,\"recover\":null", false)]
    [InlineData("\"somethingNew\":{\"a\":[1]}", false)]
    public void Only_options_in_use_make_a_client_one_that_knows_options(string fields, bool hasOptions) =>
        Assert.Equal(hasOptions, Assert.IsType<SubscribeCommand>(Read($$"""{"type":"subscribe","channel":"a",{{fields}}}""")).HasOptions);

    [Theory]
    [InlineData("7")]
    [InlineData("-1.5e3")]
    [InlineData("\"a\\u0062 \ud83d\ude00\"")]
    [InlineData("\"12345678901234567890123456789012345678901234567890123456789012\"")]
    public void An_id_is_kept_as_it_was_written(string id) => Assert.Equal(id, Text(Read($$"""{"type":"ping","id": {{id}} }""").Id));

    [Fact]
    public void Publish_keeps_the_data_byte_for_byte()
    {
        var command = Assert.IsType<PublishCommand>(Read(
            """{"type":"publish","id":"p1","channel":"chat:1","data": { "b" : 1.0, "\u0069d":"\/" } ,"event":"said","tags":["x","y"],"echo":false,"idempotencyKey":"k"}"""));
        Assert.Equal("chat:1", command.Channel);
        Assert.Equal("""{ "b" : 1.0, "\u0069d":"\/" }""", Text(command.Draft.Data));
        Assert.Equal(PayloadShape.Object | PayloadShape.HasMembers | PayloadShape.HasId, command.Draft.Shape);
        Assert.Equal(("said", "k", false), (command.Draft.Event, command.Draft.IdempotencyKey, command.Echo));
        Assert.Equal(["x", "y"], command.Draft.Tags!);
    }

    [Fact]
    public void Publish_needs_no_more_than_channel_and_data_and_null_is_data()
    {
        var command = Assert.IsType<PublishCommand>(Read("""{"type":"publish","channel":"a","data":null,"tags":[],"echo":null,"event":null,"idempotencyKey":null}"""));
        Assert.Equal("null", Text(command.Draft.Data));
        Assert.Equal((null, null, null, true), (command.Draft.Event, command.Draft.Tags, command.Draft.IdempotencyKey, command.Echo));
    }

    [Fact]
    public void Any_payload_is_kept_byte_for_byte_and_nothing_of_the_message_is_referenced() =>
        Gen.Int.Sample(seed =>
        {
            var payload = new RandomJson(seed).Next();
            if (!JsonPayload.TryCheck(payload, out var shape, out _))
                return;
            byte[] message = [.. "{\"type\":\"publish\",\"data\":"u8, .. payload, .. ",\"id\":7,\"channel\":\"a\"}"u8];
            Assert.True(JsonCommandReader.TryRead(message, MaxHistory, out var command, out var problem), problem.Message);
            Array.Clear(message);
            var publish = Assert.IsType<PublishCommand>(command);
            Assert.Equal(payload.AsSpan().Trim(" \t\r\n"u8), publish.Draft.Data.Span);
            Assert.Equal(shape, publish.Draft.Shape);
            Assert.Equal("7", Text(publish.Id));
        }, iter: 3_000);

    [Fact]
    public void History_takes_since_limit_and_reverse()
    {
        Assert.Equal(new HistoryCommand(default, "a", null, null, false), Read("""{"type":"history","channel":"a"}"""));
        Assert.Equal(
            new HistoryCommand(default, "a", new RecoverFrom(new ChannelEpoch(1, 0x18d, 0xff), 5), 0, true),
            Read($$"""{"type":"history","channel":"a","since":{"epoch":"{{Epoch}}","offset":5},"limit":0,"reverse":true}"""));
    }

    [Theory]
    [InlineData("""{"type":"ping","channel":5,"history":-1}""")]
    [InlineData("""{"type":"unsubscribe","channel":"a","token":"t","data":1}""")]
    [InlineData("""{"ty\u0070e":"\u0070ing"}""")]
    [InlineData("""{"type":"subscribe","channel":"\u0061"}""")]
    [InlineData("""{"type":"ping","__proto__":{"type":"x"},"Type":1}""")]
    public void Fields_a_command_does_not_know_are_left_alone(string json) => Read(json);

    [Theory]
    [InlineData("", "Invalid JSON")]
    [InlineData("hello", "Invalid JSON")]
    [InlineData("{\"type\":\"ping\"", "Invalid JSON")]
    [InlineData("{\"type\":\"ping\"}x", "Invalid JSON")]
    [InlineData("{\"type\":\"ping\",}", "Invalid JSON")]
    [InlineData("{\"type\":\"ping\"}//", "Invalid JSON")]
    [InlineData("\ufeff{\"type\":\"ping\"}", "byte order mark")]
    [InlineData("{\"type\":\"ping\",\"type\":\"ping\"}", "\"type\" stands twice")]
    [InlineData("{\"type\":\"ping\",\"t\\u0079pe\":\"ping\"}", "\"type\" stands twice")]
    [InlineData("{\"type\":\"ping\",\"x\":{\"a\":1,\"a\":1}}", "\"a\" stands twice")]
    [InlineData("{\"type\":\"ping\",\"x\":\"\\ud800\"}", "half a surrogate pair")]
    [InlineData("[]", "one JSON object")]
    [InlineData("\"ping\"", "one JSON object")]
    [InlineData("null", "one JSON object")]
    [InlineData("{}", "\"type\" is missing")]
    [InlineData("{\"type\":null}", "\"type\" is missing")]
    [InlineData("{\"type\":1}", "\"type\" must be a string")]
    [InlineData("{\"type\":[\"ping\"]}", "\"type\" must be a string, not an array")]
    [InlineData("{\"type\":\"subscribe\"}", "Invalid channel: \"channel\" is missing")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":null}", "Invalid channel: \"channel\" is missing")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":5}", "Invalid channel: \"channel\" must be a string")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"\"}", "Invalid channel: the name is empty")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat*\"}", "Invalid channel: a pattern is a name whose levels may be '*'")]
    [InlineData("{\"type\":\"unsubscribe\",\"channel\":\"chat.**.x\"}", "Invalid channel: a pattern is")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.*\",\"history\":1}", "\"history\" is for one channel; read the history of each")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.*\",\"recover\":{\"epoch\":\"x\",\"offset\":1}}", "\"recover\" must be a list of positions [")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.*\",\"recover\":[1]}", "\"recover\" entry 1 must be an object")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.*\",\"recover\":[{\"channel\":\"chat.a\",\"epoch\":\"x\"}]}", "\"recover[0]\" must be an object {\"epoch\":\"…\",\"offset\":0}; \"offset\" is missing.")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.*\",\"recover\":[{\"channel\":\"chat.a\",\"epoch\":\"x\",\"offset\":-1}]}", "\"recover[0].offset\" must be a whole number")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.*\",\"recover\":[{\"channel\":\"chat.a\",\"epoch\":\"x\",\"offset\":1},{\"epoch\":\"x\",\"offset\":1}]}", "\"recover\" entry 2 must name a channel that the pattern matches")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.*\",\"recover\":[{\"channel\":\"chat.a.b\",\"epoch\":\"x\",\"offset\":1}]}", "\"recover\" entry 1 must name a channel that the pattern matches")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.*\",\"recover\":[{\"channel\":\"chat.a\",\"epoch\":\"x\",\"offset\":1},{\"channel\":\"chat.a\",\"epoch\":\"x\",\"offset\":1}]}", "\"recover\" names chat.a twice.")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"chat.a\",\"recover\":[]}", "\"recover\" must be an object")]
    [InlineData("{\"type\":\"subscribe\",\"channel\":\"@other\"}", "Invalid channel: names that begin with '@' are reserved")]
    [InlineData("{\"type\":\"unsubscribe\"}", "Invalid channel")]
    [InlineData("{\"type\":\"unsubscribe\",\"channel\":\"a b\"}", "Invalid channel")]
    [InlineData("{\"type\":\"history\",\"channel\":\"a..b\"}", "Invalid channel")]
    [InlineData("{\"type\":\"publish\",\"channel\":\"chat.*\",\"data\":1}", "Invalid channel")]
    [InlineData("{\"type\":\"publish\",\"channel\":\"@other\",\"data\":1}", "Invalid channel")]
    [InlineData("{\"type\":\"publish\",\"data\":1}", "Invalid channel")]
    [InlineData("{\"type\":\"publish\",\"channel\":\"a\"}", "\"data\" is missing")]
    public void A_message_that_is_no_command_is_a_bad_request(string json, string words) => Refused(json, NotifyError.BadRequest, words);

    [Theory]
    [InlineData("\"id\":{}", "\"id\" must be a string or a number, not an object")]
    [InlineData("\"id\":true", "\"id\" must be a string or a number")]
    [InlineData("\"id\":\"123456789012345678901234567890123456789012345678901234567890123\"", "\"id\" takes 65 bytes; at most 64")]
    [InlineData("\"history\":-1", "\"history\" must be a whole number from 0 to 300")]
    [InlineData("\"history\":301", "\"history\" must be a whole number from 0 to 300")]
    [InlineData("\"history\":1.0", "\"history\" must be a whole number")]
    [InlineData("\"history\":1e2", "\"history\" must be a whole number")]
    [InlineData("\"history\":-0", "\"history\" must be a whole number")]
    [InlineData("\"history\":99999999999999999999999", "\"history\" must be a whole number")]
    [InlineData("\"history\":\"5\"", "\"history\" must be a whole number from 0 to 300, not a string")]
    [InlineData("\"history\":true", "\"history\" must be")]
    [InlineData("\"recover\":5", "\"recover\" must be an object")]
    [InlineData("\"recover\":{}", "\"epoch\" is missing")]
    [InlineData("\"recover\":{\"offset\":5}", "\"epoch\" is missing")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\"}", "\"offset\" is missing")]
    [InlineData("\"recover\":{\"epoch\":5,\"offset\":5}", "\"recover.epoch\" must be a string")]
    [InlineData("\"recover\":{\"epoch\":null,\"offset\":5}", "\"recover.epoch\" must be a string, as the server sent it, not null")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":-5}", "\"recover.offset\" must be a whole number")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":-0}", "\"recover.offset\" must be")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":1.5}", "\"recover.offset\" must be")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":1e2}", "\"recover.offset\" must be")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":18446744073709551616}", "\"recover.offset\" must be")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":1e999}", "\"recover.offset\" must be")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":\"5\"}", "\"recover.offset\" must be")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":null}", "\"recover.offset\" must be")]
    [InlineData("\"recover\":{\"epoch\":\"1-1-1\",\"offset\":5},\"history\":5", "exclude each other")]
    [InlineData("\"presence\":1", "\"presence\" must be true or false")]
    [InlineData("\"tags\":\"x\"", "\"tags\" must be an array of strings, not a string")]
    [InlineData("\"tags\":{\"x\":\"y\"}", "\"tags\" must be an array of strings, not an object")]
    [InlineData("\"tags\":[\"x\",1]", "\"tags\" entry 2 must be a string")]
    [InlineData("\"tags\":[]", "\"tags\" is empty; name at least one tag")]
    [InlineData("\"tags\":[\"\"]", "\"tags\" has text of 0 characters; it takes 1 to 64")]
    [InlineData("\"tags\":[\"12345678901234567890123456789012345678901234567890123456789012345\"]", "\"tags\" has text of 65 characters; it takes 1 to 64")]
    [InlineData("\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]", "\"tags\" has more than 10 entries")]
    public void A_wrong_option_of_subscribe_is_a_bad_request_that_names_it(string fields, string words) =>
        Refused($$"""{"type":"subscribe","channel":"a",{{fields}}}""", NotifyError.BadRequest, words);

    [Theory]
    [InlineData("\"event\":\"\"", "\"event\"")]
    [InlineData("\"event\":5", "\"event\" must be a string")]
    [InlineData("\"event\":\"a\\nb\"", "\"event\" has a control character")]
    [InlineData("\"tags\":\"x\"", "\"tags\" must be an array")]
    [InlineData("\"tags\":[1]", "\"tags\" entry 1 must be a string")]
    [InlineData("\"tags\":[\"x\",null]", "\"tags\" entry 2 must be a string, not null")]
    [InlineData("\"tags\":[\"\"]", "\"tags\"")]
    [InlineData("\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\"]", "more than 10")]
    [InlineData("\"echo\":0", "\"echo\" must be true or false")]
    [InlineData("\"idempotencyKey\":\"\"", "\"idempotencyKey\"")]
    [InlineData("\"idempotencyKey\":7", "\"idempotencyKey\" must be a string")]
    public void A_wrong_field_of_publish_is_a_bad_request_that_names_it(string fields, string words) =>
        Refused($$"""{"type":"publish","channel":"a","data":{},{{fields}}}""", NotifyError.BadRequest, words);

    [Theory]
    [InlineData("\"since\":5", "\"since\" must be an object")]
    [InlineData("\"since\":{\"epoch\":\"1-1-1\",\"offset\":-1}", "\"since.offset\"")]
    [InlineData("\"limit\":301", "\"limit\" must be a whole number from 0 to 300")]
    [InlineData("\"reverse\":\"yes\"", "\"reverse\" must be true or false")]
    public void A_wrong_field_of_history_is_a_bad_request_that_names_it(string fields, string words) =>
        Refused($$"""{"type":"history","channel":"a",{{fields}}}""", NotifyError.BadRequest, words);

    [Theory]
    [InlineData("event", 65)]
    [InlineData("event", 5_000)]
    [InlineData("idempotencyKey", 256)]
    [InlineData("idempotencyKey", 5_000)]
    [InlineData("channel", 256)]
    [InlineData("channel", 5_000)]
    public void What_is_too_long_is_a_bad_request_that_does_not_repeat_it(string field, int length)
    {
        var others = field == "channel" ? "" : "\"channel\":\"a\",";
        var problem = Refused($$"""{"type":"publish","data":1,{{others}}"{{field}}":"{{new string('a', length)}}"}""", NotifyError.BadRequest, field);
        Assert.InRange(problem.Message.Length, 1, 200);
    }

    [Theory]
    [InlineData("foo")]
    [InlineData("")]
    [InlineData("Ping")]
    [InlineData("event")]
    public void An_unknown_type_has_its_own_code(string type) => Refused($$"""{"type":"{{type}}"}""", NotifyError.UnknownType, $"Unknown type \"{type}\"");

    [Fact]
    public void A_long_unknown_type_is_shown_in_part() =>
        Assert.InRange(Refused($$"""{"type":"{{new string('x', 200)}}"}""", NotifyError.UnknownType, "xxx…").Message.Length, 1, 200);

    [Fact]
    public void Tokens_are_read_and_not_judged()
    {
        Assert.Equal(new AuthCommand(default, "t"), Read("""{"type":"auth","token":"t"}"""));
        Assert.Equal(new RefreshCommand(default, "t"), Read("""{"type":"refresh","token":"t"}"""));
        Assert.Equal(new SubscribeCommand(default, "a", null, null, HasOptions: true) { Token = "t" }, Read("""{"type":"subscribe","channel":"a","token":"t"}"""));
    }

    [Fact]
    public void Presence_is_asked_for_by_channel()
    {
        Assert.Equal(new PresenceCommand(default, "a"), Read("""{"type":"presence","channel":"a"}"""));
        Assert.Equal(new PresenceStatsCommand(default, "a"), Read("""{"type":"presence_stats","channel":"a"}"""));
        Assert.Equal(new SubscribeCommand(default, "a", null, null, HasOptions: true) { Presence = true }, Read("""{"type":"subscribe","channel":"a","presence":true}"""));
        Refused("""{"type":"presence"}""", NotifyError.BadRequest, "\"channel\" is missing");
        Refused("""{"type":"presence_stats","channel":"a.*"}""", NotifyError.BadRequest, "Invalid channel");
        Refused("""{"type":"subscribe","channel":"a.*","presence":true}""", NotifyError.BadRequest, "\"presence\" is for one channel");
    }

    [Theory]
    [InlineData("""{"type":"auth"}""", "\"token\" is missing")]
    [InlineData("""{"type":"refresh","token":null}""", "\"token\" is missing")]
    [InlineData("""{"type":"auth","token":1}""", "\"token\" must be a string")]
    [InlineData("""{"type":"subscribe","channel":"a","token":{}}""", "\"token\" must be a string")]
    public void A_token_is_a_string(string json, string words) => Refused(json, NotifyError.BadRequest, words);

    [Fact]
    public void A_filter_is_a_list_of_tags()
    {
        var command = Assert.IsType<SubscribeCommand>(Read("""{"type":"subscribe","channel":"a","tags":["x","\u0079"]}"""));
        Assert.Equal(["x", "y"], command.Tags!);
        Assert.True(command.HasOptions);
        Assert.Equal(["x"], Assert.IsType<SubscribeCommand>(Read("""{"type":"subscribe","channel":"a.*","tags":["x"]}""")).Tags!);
        Assert.Null(Assert.IsType<SubscribeCommand>(Read("""{"type":"subscribe","channel":"a"}""")).Tags);
    }

    [Theory]
    [InlineData("@system")]
    [InlineData("#42")]
    public void What_comes_without_asking_is_not_filtered(string channel) =>
        Refused($$"""{"type":"subscribe","channel":"{{channel}}","tags":["x"]}""", NotifyError.BadRequest, "\"tags\" cannot narrow");

    [Theory]
    [InlineData("@system")]
    [InlineData("@broadcast")]
    [InlineData("#42")]
    public void Clients_may_not_publish_to_the_servers_own_channels(string channel) =>
        Refused($$"""{"type":"publish","channel":"{{channel}}","data":1}""", NotifyError.PermissionDenied, "only the HTTP API");

    [Theory]
    [InlineData("""{"type":"subscribe","channel":"","id":"x7"}""")]
    [InlineData("""{"id":"x7","type":"nonsense"}""")]
    [InlineData("""{"id":"x7"}""")]
    [InlineData("""{"type":"presence","id":"x7"}""")]
    [InlineData("""{"type":"publish","channel":"@system","data":1,"id":"x7"}""")]
    public void The_id_is_echoed_wherever_it_stands(string json)
    {
        Assert.False(JsonCommandReader.TryRead(Encoding.UTF8.GetBytes(json), MaxHistory, out _, out var problem));
        Assert.Equal("\"x7\"", Text(problem.Id));
    }

    [Fact]
    public void Bytes_that_are_no_utf8_are_a_bad_request()
    {
        Assert.False(JsonCommandReader.TryRead([.. "{\"type\":\"ping\",\"x\":\""u8, 0xC3, .. "\"}"u8], MaxHistory, out _, out var problem));
        Assert.Equal((NotifyError.BadRequest, "Invalid JSON: not valid UTF-8 (byte 20)."), (problem.Code, problem.Message));
    }

    [Theory]
    [InlineData(32, true)]
    [InlineData(33, false)]
    public void Data_may_be_32_levels_deep(int depth, bool accepted)
    {
        var json = $$"""{"type":"publish","channel":"a","data":{{new string('[', depth)}}{{new string(']', depth)}}}""";
        if (accepted)
            Read(json);
        else
            Refused(json, NotifyError.BadRequest, "deeper than 33");
    }

    [Fact]
    public void No_message_makes_the_reader_throw() =>
        Gen.Int.Sample(seed =>
        {
            var random = new RandomJson(seed);
            byte[] message = [.. "{\"type\":\"subscribe\",\"channel\":\"a\",\"history\":"u8, .. random.NextBroken(), .. ",\"recover\":"u8, .. random.Next(), (byte)'}'];
            foreach (var bytes in new[] { message, random.NextBroken(), random.Next() })
            {
                if (!JsonCommandReader.TryRead(bytes, MaxHistory, out _, out var problem))
                {
                    Assert.NotEqual(default, problem.Code);
                    Assert.InRange(problem.Message.Length, 10, 250);
                }
            }
        }, iter: 5_000);

    private static ClientCommand Read(string json)
    {
        Assert.True(JsonCommandReader.TryRead(Encoding.UTF8.GetBytes(json), MaxHistory, out var command, out var problem), problem.Message);
        return command;
    }

    private static CommandProblem Refused(string json, NotifyError code, string words)
    {
        Assert.False(JsonCommandReader.TryRead(Encoding.UTF8.GetBytes(json), MaxHistory, out _, out var problem));
        Assert.Equal(code, problem.Code);
        Assert.Contains(words, problem.Message, StringComparison.Ordinal);
        return problem;
    }

    private static string Text(ReadOnlyMemory<byte> utf8) => Encoding.UTF8.GetString(utf8.Span);
}
