using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using CsCheck;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Protocol;

public class JsonPayloadTests
{
    private const PayloadShape Member = PayloadShape.Object | PayloadShape.HasMembers;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = JsonPayload.MaxDepth, AllowDuplicateProperties = false };

    [Fact]
    public void A_text_is_accepted_exactly_when_the_platforms_strict_parser_accepts_it()
    {
        var (accepted, refused) = (0, 0);
        Gen.Int.Sample(seed =>
        {
            var random = new RandomJson(seed);
            foreach (var text in new[] { random.Next(), random.NextBroken() })
            {
                var expected = ShapeByOracle(text);
                var isAccepted = JsonPayload.TryCheck(text, out var shape, out var problem);
                Assert.True(isAccepted == expected is not null, $"{Encoding.UTF8.GetString(text)}: {problem ?? "accepted"}");
                if (expected is not null)
                    Assert.Equal(expected, shape);
                else
                    Assert.StartsWith("Invalid JSON: ", problem, StringComparison.Ordinal);
                Interlocked.Increment(ref isAccepted ? ref accepted : ref refused);
            }
        }, iter: 20_000);
        Assert.True(accepted > 5_000 && refused > 5_000, $"The texts were one-sided: {accepted} accepted, {refused} refused.");
    }

    [Fact]
    public void A_payload_inside_a_message_has_the_shape_it_has_alone_and_members_are_found_where_they_are() =>
        Gen.Int.Sample(seed =>
        {
            var payload = new RandomJson(seed).Next();
            var other = new RandomJson(~seed).Next();
            byte[] message = [.. "{\"id\":{\"id\":2,\"data\":[3]},\"d\\u0061ta\":"u8, .. payload, .. ",\"timestamp\":[{\"id\":4}],\"last\":"u8, .. other, .. "}"u8];
            var members = new JsonMember[4];
            var isSound = JsonPayload.TryCheckMessage(message, [[.. "id"u8], [.. "data"u8], [.. "last"u8], [.. "none"u8]], payload: 1, members, out var inside, out var problem);
            Assert.Equal(JsonPayload.TryCheck(payload, out var alone, out _) && JsonPayload.TryCheck(other, out _, out _), isSound);
            Assert.Equal(isSound, problem is null);
            if (!isSound)
                return;
            Assert.Equal(alone, inside);
            Assert.Equal("{\"id\":2,\"data\":[3]}", TextOf(members[0]));
            Assert.Equal(Trimmed(payload), TextOf(members[1]));
            Assert.Equal(Trimmed(other), TextOf(members[2]));
            Assert.Equal(KindOf(payload), members[1].Kind);
            Assert.Equal(default, members[3]);

            string TextOf(JsonMember member) => Encoding.UTF8.GetString(message.AsSpan(member.Start, member.Length));
        }, iter: 5_000);

    [Fact]
    public void What_is_not_an_object_has_no_members()
    {
        var members = new JsonMember[1];
        Assert.True(JsonPayload.TryCheckMessage("[{\"data\":1},\"data\"]"u8, [[.. "data"u8]], payload: 0, members, out _, out _));
        Assert.Equal(default, members[0]);
    }

    [Theory]
    [InlineData("\"\"", "")]
    [InlineData("\"grüße\"", "grüße")]
    [InlineData("\"a\\u0062\\\\\\\"\\/c\"", "ab\\\"/c")]
    public void Text_is_what_a_string_says(string json, string expected) => Assert.Equal(expected, JsonPayload.Text(Encoding.UTF8.GetBytes(json)));

    [Theory]
    [InlineData("1", PayloadShape.Value)]
    [InlineData("null", PayloadShape.Value)]
    [InlineData(" \"id\" ", PayloadShape.Value)]
    [InlineData("[{\"id\":1}]", PayloadShape.Value)]
    [InlineData("{}", PayloadShape.Object)]
    [InlineData(" { } ", PayloadShape.Object)]
    [InlineData("{\"a\":{\"id\":1,\"timestamp\":2}}", Member)]
    [InlineData("{\"id\":null}", Member | PayloadShape.HasId)]
    [InlineData("{\"\\u0069\\u0064\":1}", Member | PayloadShape.HasId)]
    [InlineData("{\"timestamp\":1}", Member | PayloadShape.HasTimestamp)]
    [InlineData("{\"a\":1,\"time\\u0073tamp\":1,\"id\":1}", Member | PayloadShape.HasTimestamp | PayloadShape.HasId)]
    [InlineData("{\"Id\":1,\"ID\":2,\"TimeStamp\":3}", Member)]
    public void The_shape_says_what_the_value_holds(string json, PayloadShape expected)
    {
        Assert.True(JsonPayload.TryCheck(Encoding.UTF8.GetBytes(json), out var shape, out var problem), problem);
        Assert.Equal(expected, shape);
    }

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("{")]
    [InlineData("{\"a\":1")]
    [InlineData("{\"a\":1}}")]
    [InlineData("{} {}")]
    [InlineData("1 2")]
    [InlineData("{\"a\":1,}")]
    [InlineData("[1,]")]
    [InlineData("// c\n1")]
    [InlineData("1 /* c */")]
    [InlineData("{'a':1}")]
    [InlineData("{a:1}")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("01")]
    [InlineData("+1")]
    [InlineData("1.")]
    [InlineData(".5")]
    [InlineData("0x1")]
    [InlineData("tru")]
    [InlineData("\"a")]
    [InlineData("\"\t\"")]
    [InlineData("\"\0\"")]
    [InlineData("1\0")]
    [InlineData("\"\\x\"")]
    [InlineData("\ufeff{}")]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("{\"a\":1,\"\\u0061\":2}")]
    [InlineData("[{\"b\":{\"a\":1,\"a\":2}}]")]
    [InlineData("{\"\":1,\"\":2}")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\udc00\"")]
    [InlineData("\"\\ud800\\u0041\"")]
    [InlineData("\"\\ud800\\n\"")]
    [InlineData("\"\\udc00\\ud800\"")]
    [InlineData("{\"\\uD800\":1}")]
    public void What_is_not_one_sound_value_is_refused(string json)
    {
        Assert.False(JsonPayload.TryCheck(Encoding.UTF8.GetBytes(json), out _, out var problem));
        Assert.StartsWith("Invalid JSON: ", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1e999")]
    [InlineData("-0")]
    [InlineData("18446744073709551616")]
    [InlineData("\"\\u0000\"")]
    [InlineData("\"\\ud83d\\ude00\"")]
    [InlineData("\"\\\\ud800\"")]
    [InlineData("{\"__proto__\":{},\"constructor\":1}")]
    [InlineData("{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":1},{\"a\":2}]}")]
    [InlineData("\r\n\t [] ")]
    public void Odd_but_sound_values_are_accepted(string json) => Assert.True(JsonPayload.TryCheck(Encoding.UTF8.GetBytes(json), out _, out var problem), problem);

    [Theory]
    [InlineData(new byte[] { (byte)'"', 0xFF, (byte)'"' }, 1)]
    [InlineData(new byte[] { (byte)'"', (byte)'a', 0xC3, (byte)'"' }, 2)]
    [InlineData(new byte[] { (byte)'"', 0xED, 0xA0, 0x80, (byte)'"' }, 1)]
    [InlineData(new byte[] { (byte)'"', 0xC0, 0xAF, (byte)'"' }, 1)]
    [InlineData(new byte[] { (byte)'"', 0xF4, 0x90, 0x80, 0x80, (byte)'"' }, 1)]
    public void Bytes_that_are_no_utf8_are_refused_with_their_place(byte[] bytes, int place)
    {
        Assert.False(JsonPayload.TryCheck(bytes, out _, out var problem));
        Assert.Equal($"Invalid JSON: not valid UTF-8 (byte {place}).", problem);
    }

    [Theory]
    [InlineData(32, true)]
    [InlineData(33, false)]
    [InlineData(65, false)]
    [InlineData(10_000, false)]
    public void Nesting_ends_at_32(int depth, bool accepted)
    {
        Assert.Equal(accepted, JsonPayload.TryCheck(Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth)), out _, out var problem));
        if (!accepted)
            Assert.Contains("deeper than 32", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_message_says_where_and_never_shows_much_of_the_input()
    {
        var key = new string('k', 20_000);
        Assert.False(JsonPayload.TryCheck(Encoding.UTF8.GetBytes($"{{\"{key}\":1,\"{key}\":2}}"), out _, out var problem));
        Assert.Contains("byte 20006", problem, StringComparison.Ordinal);
        Assert.InRange(problem.Length, 1, 200);

        Assert.False(JsonPayload.TryCheck(Encoding.UTF8.GetBytes("[true,\nt" + key + "]"), out _, out problem));
        Assert.Contains("line 2, byte 1", problem, StringComparison.Ordinal);
        Assert.InRange(problem.Length, 1, 200);
    }

    [Theory]
    [InlineData("{0:x}")]
    [InlineData("\\u{0:x4}")]
    public void Thousands_of_keys_and_one_of_them_twice_are_found(string form)
    {
        string Object(int keys, int again) => "{" + string.Join(',', Enumerable.Range(1, keys).Append(again).Select(i =>
            $"\"{string.Format(System.Globalization.CultureInfo.InvariantCulture, form, i)}\":1")) + "}";

        Assert.True(JsonPayload.TryCheck(Encoding.UTF8.GetBytes(Object(10_000, 10_001)), out _, out var problem), problem);
        Assert.False(JsonPayload.TryCheck(Encoding.UTF8.GetBytes(Object(10_000, 5)), out _, out _));
    }

    [Fact]
    public void Keys_that_collide_in_the_platforms_plain_string_hash_cost_no_more_than_others()
    {
        // "Aa" and "BB" collide in a 31-multiplier hash, so do all their combinations: 4,096 keys with one hash where hashing is naive.
        var keys = Enumerable.Range(0, 1 << 12).Select(bits => string.Concat(Enumerable.Range(0, 12).Select(i => (bits >> i & 1) == 0 ? "Aa" : "BB")));
        var json = Encoding.UTF8.GetBytes("{" + string.Join(',', keys.Select(key => $"\"{key}\":1")) + "}");
        var watch = Stopwatch.StartNew();
        Assert.True(JsonPayload.TryCheck(json, out _, out _));
        Assert.InRange(watch.ElapsedMilliseconds, 0, 2_000);
    }

    [Fact]
    public void An_ordinary_payload_is_checked_without_allocating()
    {
        var json = "{\"message\":\"New update available!\",\"priority\":\"high\",\"n\":[1,2,{\"x\":\"\\u00e9\"}],\"o\":{\"a\":1,\"b\":{\"c\":null}}}"u8.ToArray();
        JsonPayload.TryCheck(json, out _, out _);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++)
            JsonPayload.TryCheck(json, out _, out _);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>Null when refused.</summary>
    internal static PayloadShape? ShapeByOracle(byte[] text)
    {
        if (!Utf8.IsValid(text))
            return null;
        try
        {
            using var document = JsonDocument.Parse(text, Strict);
            ReadAll(document.RootElement);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                return PayloadShape.Value;
            var shape = PayloadShape.Object;
            foreach (var member in document.RootElement.EnumerateObject())
            {
                shape |= PayloadShape.HasMembers;
                shape |= member.Name switch { "id" => PayloadShape.HasId, "timestamp" => PayloadShape.HasTimestamp, _ => PayloadShape.HasMembers };
            }
            return shape;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    // The document looks into strings only when asked: lone surrogates throw here.
    private static void ReadAll(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                    ReadAll(item);
                break;
            case JsonValueKind.Object:
                foreach (var member in element.EnumerateObject())
                {
                    _ = member.Name;
                    ReadAll(member.Value);
                }
                break;
        }
    }

    private static string Trimmed(byte[] json) => Encoding.UTF8.GetString(json).Trim(' ', '\t', '\r', '\n');

    private static JsonTokenType KindOf(byte[] json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        return reader.TokenType;
    }
}
