using System.Text;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Publishing;

public sealed class EventReaderTests
{
    [Theory]
    [InlineData("""{"channel":"notifications","data":1}""", "notifications")]
    [InlineData("""{"type":"custom","channel":"a/b","data":1}""", "a/b")]
    [InlineData("""{"type":null,"channel":"ch\u0061t","user":null,"data":1}""", "chat")]
    [InlineData("""{"type":"user","user":"42","data":1}""", "#42")]
    [InlineData("""{"type":"user","user":"42","channel":null,"data":1}""", "#42")]
    [InlineData("""{"type":"broadcast","data":1}""", "@broadcast")]
    [InlineData("""{"type":"system","data":1}""", "@system")]
    [InlineData("""{"channel":"room#42,43","data":1}""", "room#42,43")]
    public void Every_type_has_its_channel(string body, string channel)
    {
        Assert.True(Read(body, out var posted, out var problem), problem.Detail);
        Assert.Equal(channel, posted.Channel);
    }

    [Theory]
    [InlineData("""{"channel":"a","data": {"b" : 1.50, "a":"\u0041ü" } }""", """{"b" : 1.50, "a":"\u0041ü" }""", PayloadShape.Object | PayloadShape.HasMembers)]
    [InlineData("""{"data":null,"channel":"a"}""", "null", PayloadShape.Value)]
    [InlineData("""{"channel":"a","data":[],"other":{"data":{"id":1}}}""", "[]", PayloadShape.Value)]
    [InlineData("""{"channel":"a","data":{"id":1}}""", """{"id":1}""", PayloadShape.Object | PayloadShape.HasMembers | PayloadShape.HasId)]
    [InlineData("""{"channel":"a","d\u0061ta":{}}""", "{}", PayloadShape.Object)]
    public void Data_is_cut_out_byte_for_byte(string body, string data, PayloadShape shape)
    {
        Assert.True(Read(body, out var posted, out var problem), problem.Detail);
        Assert.Equal(data, Encoding.UTF8.GetString(posted.Draft.Data.Span));
        Assert.Equal(shape, posted.Draft.Shape);
    }

    [Fact]
    public void What_is_given_beside_the_data_is_kept()
    {
        Assert.True(Read("""{"channel":"a","data":1,"event":"up\u0064ate","tags":["x","ü"],"idempotencyKey":"k"}""", out var posted, out _));
        Assert.Equal(("update", "k"), (posted.Draft.Event, posted.Draft.IdempotencyKey));
        Assert.Equal(["x", "ü"], posted.Draft.Tags!);
        Assert.True(EventReader.TryRead("""{"channel":"a","data":1,"tags":[]}"""u8, "header", out posted, out _));
        Assert.Equal("header", posted.Draft.IdempotencyKey);
        Assert.Null(posted.Draft.Tags);
    }

    [Theory]
    [InlineData("7", null, "one JSON object")]
    [InlineData("", null, "Invalid JSON")]
    [InlineData("{\"channel\":\"a\",\"data\":1", null, "Invalid JSON")]
    [InlineData("""{"channel":"a","data":1}{}""", null, "Invalid JSON")]
    [InlineData("""{"channel":"a","channel":"b","data":1}""", null, "twice")]
    [InlineData("""{"channel":"a","data":{"x":1,"\u0078":2}}""", null, "twice")]
    [InlineData("""{"channel":"a","data":"\ud800"}""", null, "surrogate")]
    [InlineData("""{"channel":"a"}""", "data", "missing")]
    [InlineData("""{"data":1}""", "channel", "missing")]
    [InlineData("""{"channel":7,"data":1}""", "channel", "a string, not a number")]
    [InlineData("""{"channel":"","data":1}""", "channel", "empty")]
    [InlineData("""{"channel":"two words","data":1}""", "channel", "not allowed")]
    [InlineData("""{"channel":"chat.*","data":1}""", "channel", "pattern")]
    [InlineData("""{"channel":"@system","data":1}""", "channel", "\"type\":\"system\"")]
    [InlineData("""{"channel":"@else","data":1}""", "channel", "reserved")]
    [InlineData("""{"channel":"#42","data":1}""", "channel", "\"type\":\"user\"")]
    [InlineData("""{"type":"user","user":"42","channel":"a","data":1}""", "channel", "custom only")]
    [InlineData("""{"type":"broadcast","channel":"a","data":1}""", "channel", "custom only")]
    [InlineData("""{"type":"system","user":"42","data":1}""", "user", "user only")]
    [InlineData("""{"channel":"a","user":"42","data":1}""", "user", "user only")]
    [InlineData("""{"type":"user","data":1}""", "user", "missing")]
    [InlineData("""{"type":"user","user":"a b","data":1}""", "user", "1 to 128")]
    [InlineData("""{"type":"user","user":42,"data":1}""", "user", "a string")]
    [InlineData("""{"type":"shout","channel":"a","data":1}""", "type", "unknown")]
    [InlineData("""{"type":[],"channel":"a","data":1}""", "type", "a string, not an array")]
    [InlineData("""{"channel":"a","data":1,"event":""}""", "event", "1 to 64")]
    [InlineData("""{"channel":"a","data":1,"event":true}""", "event", "a string, not true or false")]
    [InlineData("""{"channel":"a","data":1,"tags":"x"}""", "tags", "an array of strings")]
    [InlineData("""{"channel":"a","data":1,"tags":["x",1]}""", "tags", "entry 2")]
    [InlineData("""{"channel":"a","data":1,"tags":["","x"]}""", "tags", "1 to 64")]
    [InlineData("""{"channel":"a","data":1,"tags":["1","2","3","4","5","6","7","8","9","10","11"]}""", "tags", "at most 10")]
    [InlineData("""{"channel":"a","data":1,"idempotencyKey":"\n"}""", "idempotencyKey", "control")]
    public void A_wrong_body_is_refused_naming_field_and_reason(string body, string? field, string reason)
    {
        Assert.False(Read(body, out _, out var problem));
        Assert.Equal(field, problem.Field);
        Assert.Contains(reason, problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Invalid_utf8_is_refused()
    {
        byte[] body = [.. """{"channel":"a","data":" """u8[..^1], 0xC3, 0x28, .. "\"}"u8];
        Assert.False(EventReader.TryRead(body, null, out _, out var problem));
        Assert.Contains("UTF-8", problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Data_may_be_32_deep_and_no_deeper()
    {
        Assert.True(Read(Nested(32), out _, out var problem), problem.Detail);
        Assert.False(Read(Nested(33), out _, out problem));
        Assert.Contains("deep", problem.Detail, StringComparison.Ordinal);

        static string Nested(int depth) => $$"""{"channel":"a","data":{{new string('[', depth)}}{{new string(']', depth)}}}""";
    }

    [Fact]
    public void A_key_in_the_body_must_agree_with_the_header()
    {
        var body = """{"channel":"a","data":1,"idempotencyKey":"k"}"""u8;
        Assert.True(EventReader.TryRead(body, "k", out _, out _));
        Assert.False(EventReader.TryRead(body, "other", out _, out var problem));
        Assert.Equal("idempotencyKey", problem.Field);
    }

    private static bool Read(string body, out PostedEvent posted, out EventProblem problem) => EventReader.TryRead(Encoding.UTF8.GetBytes(body), null, out posted, out problem);
}
