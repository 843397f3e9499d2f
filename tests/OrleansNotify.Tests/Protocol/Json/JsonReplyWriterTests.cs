using System.Buffers;
using System.Text;
using System.Text.Json;
using CsCheck;
using OrleansNotify.Protocol;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.Tests.Protocol.Json;

public class JsonReplyWriterTests
{
    private const string Id = "evt_018d0c2e7b8a7c3e9f00112233445566";
    private const string Stamp = "2024-01-15T10:30:00.123Z";

    private static readonly DateTimeOffset Time = new DateTimeOffset(2024, 1, 15, 11, 30, 0, 123, TimeSpan.FromHours(1)).AddTicks(9_999);
    private static readonly ChannelEpoch Epoch = new(1, 0x18d, 0xff);

    [Theory]
    [InlineData("{}", $$"""{"id":"{{Id}}","timestamp":"{{Stamp}}"}""")]
    [InlineData(" { } ", $$"""{"id":"{{Id}}","timestamp":"{{Stamp}}" }""")]
    [InlineData("{\"a\":1}", $$"""{"id":"{{Id}}","timestamp":"{{Stamp}}","a":1}""")]
    [InlineData("\r\n\t{ \"a\" : 1.0 } ", $$"""{"id":"{{Id}}","timestamp":"{{Stamp}}", "a" : 1.0 }""")]
    [InlineData("{\"id\":7}", $$"""{"timestamp":"{{Stamp}}","id":7}""")]
    [InlineData("{\"a\":1,\"\\u0069d\":7}", $$"""{"timestamp":"{{Stamp}}","a":1,"\u0069d":7}""")]
    [InlineData("{\"timestamp\":7}", $$"""{"id":"{{Id}}","timestamp":7}""")]
    [InlineData("{\"timestamp\":7,\"id\":8}", """{"timestamp":7,"id":8}""")]
    [InlineData("{ \"id\":8, \"timestamp\":7}", """{ "id":8, "timestamp":7}""")]
    [InlineData("[1, 2]", $$"""{"id":"{{Id}}","timestamp":"{{Stamp}}","value":[1, 2]}""")]
    [InlineData(" \"x\\/y\" ", $$"""{"id":"{{Id}}","timestamp":"{{Stamp}}","value":"x\/y"}""")]
    [InlineData("null", $$"""{"id":"{{Id}}","timestamp":"{{Stamp}}","value":null}""")]
    public void Data_gets_id_and_timestamp_first_unless_it_has_them(string payload, string data) =>
        Assert.Equal($$$"""{"type":"event","channel":"a","id":"{{{Id}}}","offset":7,"data":{{{data}}}}""", Event("a", null, Publish(payload)));

    [Fact]
    public void An_event_carries_what_was_given_and_nothing_else() =>
        Assert.Equal(
            $$$"""{"type":"event","channel":"chat:1","id":"{{{Id}}}","offset":18446744073709551615,"epoch":"1-18d-ff","event":"said \"hi\"","tags":["x","\\","\u0001"],"publisher":"42","data":{"id":1,"timestamp":2}}""",
            Event("chat:1", Epoch, Publish("""{"id":1,"timestamp":2}""") with
            {
                Offset = ulong.MaxValue,
                Event = "said \"hi\"",
                Tags = ["x", "\\", "\u0001"],
                Publisher = "42",
                Origin = "never sent",
            }));

    [Fact]
    public void Replies_are_as_documented_with_and_without_an_id()
    {
        var position = new ChannelPosition(Epoch, 12);
        var result = new PublishResult(PublishRefusal.None, Id, position);
        Assert.Equal("""{"type":"subscribed","channel":"a","epoch":"1-18d-ff","offset":12,"recoverable":true}""", Text(o => JsonReplyWriter.WriteSubscribed(o, default, "a", position, true, null)));
        Assert.Equal("""{"type":"subscribed","channel":"a","id":"x","epoch":"1-18d-ff","offset":12,"recoverable":false,"wasRecovering":true,"recovered":false}""", Text(o => JsonReplyWriter.WriteSubscribed(o, "\"x\""u8, "a", position, false, false)));
        Assert.Equal("""{"type":"unsubscribed","channel":"a"}""", Text(o => JsonReplyWriter.WriteUnsubscribed(o, default, "a")));
        Assert.Equal("""{"type":"unsubscribed","channel":"a","id":7}""", Text(o => JsonReplyWriter.WriteUnsubscribed(o, "7"u8, "a")));
        Assert.Equal("""{"type":"pong"}""", Text(o => JsonReplyWriter.WritePong(o, default)));
        Assert.Equal("""{"type":"pong","id":7}""", Text(o => JsonReplyWriter.WritePong(o, "7"u8)));
        Assert.Equal("""{"type":"error","code":107,"message":"No \"x\"\n"}""", Text(o => JsonReplyWriter.WriteError(o, default, NotifyError.BadRequest, "No \"x\"\n")));
        Assert.Equal("""{"type":"error","id":7,"code":105,"message":"m","channel":"a"}""", Text(o => JsonReplyWriter.WriteError(o, "7"u8, NotifyError.AlreadySubscribed, "m", "a")));
        Assert.Equal("""{"type":"position","channel":"a","epoch":"1-18d-ff","offset":12,"recovered":false}""", Text(o => JsonReplyWriter.WritePosition(o, "a", position, false)));
        Assert.Equal($$"""{"type":"published","publication":"{{Id}}","epoch":"1-18d-ff","offset":12}""", Text(o => JsonReplyWriter.WritePublished(o, default, result)));
        Assert.Equal($$"""{"type":"published","id":7,"publication":"{{Id}}","epoch":"1-18d-ff","offset":12}""", Text(o => JsonReplyWriter.WritePublished(o, "7"u8, result)));
        Assert.Throws<ArgumentException>(() => JsonReplyWriter.WritePublished(new ArrayBufferWriter<byte>(), default, new PublishResult(PublishRefusal.NotAccepted, null, default)));
    }

    [Fact]
    public void A_history_page_holds_the_events_without_type_and_channel()
    {
        var position = new ChannelPosition(Epoch, 12);
        var one = $$$"""{"id":"{{{Id}}}","offset":7,"data":{"id":"{{{Id}}}","timestamp":"{{{Stamp}}}","value":1}}""";
        Assert.Equal(one, Text(o => JsonReplyWriter.WritePublication(o, Publish("1"))));
        Assert.Equal("""{"type":"history","id":7,"channel":"a","epoch":"1-18d-ff","offset":12,"publications":[]}""", Text(o => JsonReplyWriter.WriteHistory(o, "7"u8, "a", position, [])));
        Assert.Equal(
            $$"""{"type":"history","channel":"a","epoch":"1-18d-ff","offset":12,"publications":[{{one}},{{one}}]}""",
            Text(o => JsonReplyWriter.WriteHistory(o, default, "a", position, [Publish("1"), Publish("1")])));
    }

    [Fact]
    public void Every_text_reads_back_as_it_was() =>
        Gen.Select(Gen.String, Gen.String, Gen.String.Array[0, 10]).Where((name, publisher, tags) => IsWhole(name) && IsWhole(publisher) && tags.All(IsWhole)).Sample((name, publisher, tags) =>
        {
            using var json = JsonDocument.Parse(Event(publisher, Epoch, Publish("{}") with { Event = name, Publisher = publisher, Tags = tags }));
            Assert.Equal(publisher, json.RootElement.GetProperty("channel").GetString());
            Assert.Equal(publisher, json.RootElement.GetProperty("publisher").GetString());
            Assert.Equal(name, json.RootElement.GetProperty("event").GetString());
            Assert.Equal(tags.Length > 0, json.RootElement.TryGetProperty("tags", out var written));
            if (tags.Length > 0)
                Assert.Equal(tags, written.EnumerateArray().Select(tag => tag.GetString()));
        }, iter: 3_000);

    [Fact]
    public void Half_a_surrogate_pair_does_not_make_a_frame_that_browsers_drop() =>
        Assert.Contains("\"message\":\"\ufffd\"", Text(o => JsonReplyWriter.WriteError(o, default, NotifyError.Internal, "\ud800")), StringComparison.Ordinal);

    [Fact]
    public void All_other_bytes_of_any_payload_reach_the_client_unchanged() =>
        Gen.Int.Sample(seed =>
        {
            var payload = new RandomJson(seed).Next();
            if (!JsonPayload.TryCheck(payload, out var shape, out _))
                return;
            var output = new ArrayBufferWriter<byte>();
            JsonReplyWriter.WriteEvent(output, "a", null, new Publication(Id, 7, payload, shape, Time));

            // Take away what we put there: what is left is the payload.
            var data = output.WrittenSpan[(output.WrittenSpan.IndexOf("\"data\":"u8) + 7)..^1];
            var ours = (shape.HasFlag(PayloadShape.HasId) ? "" : $"\"id\":\"{Id}\",") + (shape.HasFlag(PayloadShape.HasTimestamp) ? "" : $"\"timestamp\":\"{Stamp}\",");
            var value = payload.AsSpan().Trim(" \t\r\n"u8);
            var expected = Encoding.UTF8.GetString(value);
            expected = !shape.HasFlag(PayloadShape.Object) ? "{" + ours + "\"value\":" + expected + "}"
                : shape.HasFlag(PayloadShape.HasMembers) ? "{" + ours + expected[1..]
                : "{" + ours.TrimEnd(',') + expected[1..];
            Assert.Equal(expected, Encoding.UTF8.GetString(data));
        }, iter: 5_000);

    [Fact]
    public void Writing_an_event_allocates_nothing_but_the_output()
    {
        var publication = Publish("""{"message":"New update available!"}""") with { Event = "e", Tags = ["x", "y"], Publisher = "42" };
        var output = new ArrayBufferWriter<byte>(4096);
        JsonReplyWriter.WriteEvent(output, "notifications", Epoch, publication);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
        {
            output.ResetWrittenCount();
            JsonReplyWriter.WriteEvent(output, "notifications", Epoch, publication);
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void The_room_asked_for_is_enough_for_the_longest_texts()
    {
        var longest = new string('\u0001', 64);
        var publication = new Publication(Id, ulong.MaxValue, "{}"u8.ToArray(), PayloadShape.Object, Time, longest, [.. Enumerable.Repeat(longest, 10)], new string('\u4e2d', 128));
        var output = new ExactWriter();
        JsonReplyWriter.WriteEvent(output, new string('c', 255), new ChannelEpoch(long.MaxValue, long.MaxValue, ulong.MaxValue), publication);
        using var json = JsonDocument.Parse(output.Written);
        Assert.Equal(longest, json.RootElement.GetProperty("event").GetString());
    }

    private static bool IsWhole(string text) => !Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Contains('\ufffd', StringComparison.Ordinal) || text.Contains('\ufffd', StringComparison.Ordinal);

    private static Publication Publish(string payload)
    {
        var data = Encoding.UTF8.GetBytes(payload);
        Assert.True(JsonPayload.TryCheck(data, out var shape, out var problem), problem);
        return new Publication(Id, 7, data, shape, Time);
    }

    private static string Event(string channel, ChannelEpoch? epoch, Publication publication) => Text(o => JsonReplyWriter.WriteEvent(o, channel, epoch, publication));

    private static string Text(Action<IBufferWriter<byte>> write)
    {
        var output = new ExactWriter();
        write(output);
        return Encoding.UTF8.GetString(output.Written.Span);
    }

    /// <summary>Gives exactly the room asked for.</summary>
    private sealed class ExactWriter : IBufferWriter<byte>
    {
        private readonly List<byte> _written = [];
        private byte[] _room = [];

        public ReadOnlyMemory<byte> Written => _written.ToArray();

        public void Advance(int count) => _written.AddRange(_room.AsSpan(0, count));

        public Memory<byte> GetMemory(int sizeHint = 0) => _room = new byte[Math.Max(sizeHint, 1)];

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}
