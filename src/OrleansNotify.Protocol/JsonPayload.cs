using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using OrleansNotify.Protocol.Json;

namespace OrleansNotify.Protocol;

/// <summary>
/// The check every payload passes once, at the edge: one JSON value (RFC 8259), valid UTF-8 throughout, no byte order mark, at most
/// <see cref="MaxDepth"/> deep, no key twice in one object (escaped spellings count as equal), no lone surrogate escape.
/// </summary>
public static class JsonPayload
{
    /// <summary>Deepest nesting accepted anywhere, counted in arrays and objects; a server may be configured to accept less.</summary>
    public const int MaxDepth = 32;

    private const int MaxWords = 120;

    /// <summary>Checks a payload.</summary>
    /// <param name="utf8">The bytes of the value, nothing before or behind it but white space.</param>
    /// <param name="shape">What the value is.</param>
    /// <param name="problem">Null, or a sentence that begins with "Invalid JSON" and says what is wrong and where.</param>
    public static bool TryCheck(ReadOnlySpan<byte> utf8, out PayloadShape shape, [NotNullWhen(false)] out string? problem) =>
        TryCheck(utf8, MaxDepth, new Search([], 0, []), out shape, out problem);

    /// <summary>Checks a whole message that carries a payload as one of its top-level members, and finds those members, in the same single pass.</summary>
    /// <param name="utf8">The message.</param>
    /// <param name="names">What members may be called.</param>
    /// <param name="payload">Which of them is the payload.</param>
    /// <param name="members">Gets where each of them is: room for as many, all default before. What the message has besides is passed over.</param>
    /// <param name="shape">What the payload is; meaningless when there is none.</param>
    /// <param name="problem">As in <see cref="TryCheck(ReadOnlySpan{byte}, out PayloadShape, out string?)"/>.</param>
    /// <param name="maxDepth">The payload may be so deep, the message one level more; at most <see cref="MaxDepth"/>.</param>
    public static bool TryCheckMessage(
        ReadOnlySpan<byte> utf8,
        ReadOnlySpan<byte[]> names,
        int payload,
        Span<JsonMember> members,
        out PayloadShape shape,
        [NotNullWhen(false)] out string? problem,
        int maxDepth = MaxDepth) =>
        TryCheck(utf8, maxDepth + 1, new Search(names, payload, members), out shape, out problem);

    /// <summary>Whether a checked text is an object.</summary>
    public static bool IsObject(ReadOnlySpan<byte> utf8) => utf8[utf8.IndexOfAnyExcept(" \t\r\n"u8)] == '{';

    /// <summary>The text of a checked JSON string.</summary>
    /// <param name="utf8">With its quotes.</param>
    public static string Text(ReadOnlySpan<byte> utf8)
    {
        var inside = utf8[1..^1];
        if (!inside.Contains((byte)'\\'))
            return Encoding.UTF8.GetString(inside);
        var reader = new Utf8JsonReader(utf8);
        reader.Read();
        return reader.GetString()!;
    }

    private static bool TryCheck(ReadOnlySpan<byte> utf8, int maxDepth, scoped Search search, out PayloadShape shape, [NotNullWhen(false)] out string? problem)
    {
        shape = PayloadShape.Value;
        if (!Utf8.IsValid(utf8))
            problem = $"Invalid JSON: not valid UTF-8 (byte {FirstInvalid(utf8)}).";
        else if (utf8.StartsWith("\uFEFF"u8))
            problem = "Invalid JSON: it begins with a byte order mark; send UTF-8 without one.";
        else
        {
            try
            {
                problem = FindProblem(utf8, maxDepth, search, ref shape);
            }
            catch (JsonException e)
            {
                problem = $"Invalid JSON: {Words(e)} (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).";
            }
        }
        return problem is null;
    }

    private static string? FindProblem(ReadOnlySpan<byte> utf8, int maxDepth, scoped Search search, ref PayloadShape shape)
    {
        // One level more than allowed, so that the words for "too deep" are ours.
        scoped var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = maxDepth + 1 });
        scoped var keys = new JsonKeys(utf8, stackalloc JsonKeys.Slice[JsonKeys.Slices], stackalloc byte[JsonKeys.MaxDepth]);
        var shapeDepth = search.IsInVain ? 0 : 1;
        var inShape = search.IsInVain;
        while (reader.Read())
        {
            search.See(ref reader);
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray when reader.CurrentDepth >= maxDepth:
                    return $"Invalid JSON: nested deeper than {maxDepth} levels (byte {reader.TokenStartIndex}).";
                case JsonTokenType.StartObject:
                    keys.Open(reader.CurrentDepth);
                    if (inShape && reader.CurrentDepth == shapeDepth)
                        shape |= PayloadShape.Object;
                    break;
                case JsonTokenType.EndObject:
                    keys.Close(reader.CurrentDepth);
                    break;
                case JsonTokenType.PropertyName or JsonTokenType.String when reader.ValueIsEscaped && HasLoneSurrogate(reader.ValueSpan):
                    return $"Invalid JSON: a \\u escape of half a surrogate pair (byte {reader.TokenStartIndex}); send both halves.";
                case JsonTokenType.PropertyName:
                    if (!keys.TryAdd(ref reader))
                        return $"Invalid JSON: the key \"{Excerpt.Of(reader.GetString()!)}\" stands twice in one object (byte {reader.TokenStartIndex}).";
                    if (reader.CurrentDepth == 1 && shapeDepth == 1)
                        inShape = search.Begin(ref reader);
                    else if (inShape && reader.CurrentDepth == shapeDepth + 1)
                        shape |= ShapeOf(ref reader);
                    break;
            }
        }
        return null;
    }

    private static PayloadShape ShapeOf(ref Utf8JsonReader reader)
    {
        if (!reader.ValueIsEscaped && reader.ValueSpan.Length is not (2 or 9))
            return PayloadShape.HasMembers;
        if (reader.ValueTextEquals("id"u8))
            return PayloadShape.HasMembers | PayloadShape.HasId;
        return reader.ValueTextEquals("timestamp"u8) ? PayloadShape.HasMembers | PayloadShape.HasTimestamp : PayloadShape.HasMembers;
    }

    /// <summary>Whether a string with sound escapes has one of U+D800–U+DFFF without its other half right beside it.</summary>
    private static bool HasLoneSurrogate(ReadOnlySpan<byte> escaped)
    {
        for (var at = escaped.IndexOf((byte)'\\'); at >= 0;)
        {
            var next = at + 2;
            if (escaped[at + 1] == 'u')
            {
                next = at + 6;
                var unit = HexUnit(escaped[(at + 2)..]);
                if (char.IsLowSurrogate(unit))
                    return true;
                if (char.IsHighSurrogate(unit))
                {
                    if (!escaped[next..].StartsWith("\\u"u8) || !char.IsLowSurrogate(HexUnit(escaped[(next + 2)..])))
                        return true;
                    next += 6;
                }
            }
            var further = escaped[next..].IndexOf((byte)'\\');
            at = further < 0 ? -1 : next + further;
        }
        return false;

        static char HexUnit(ReadOnlySpan<byte> digits)
        {
            var unit = 0;
            foreach (var digit in digits[..4])
                unit = (unit << 4) | (digit <= '9' ? digit - '0' : (digit & 0xF) + 9);
            return (char)unit;
        }
    }

    private static int FirstInvalid(ReadOnlySpan<byte> utf8)
    {
        var at = 0;
        while (Rune.DecodeFromUtf8(utf8[at..], out _, out var consumed) == System.Buffers.OperationStatus.Done)
            at += consumed;
        return at;
    }

    // The platform's own words without its " LineNumber: …" and full stop; they can quote the input, so they are capped.
    private static string Words(JsonException e)
    {
        var words = e.Message.AsSpan();
        var end = words.IndexOf(" LineNumber:");
        words = (end < 0 ? words : words[..end]).TrimEnd('.');
        return Excerpt.Of(words, MaxWords);
    }

    // The members wanted, while their message is read.
    private ref struct Search(ReadOnlySpan<byte[]> names, int payload, Span<JsonMember> members)
    {
        private const int None = -1;

        private readonly ReadOnlySpan<byte[]> _names = names;
        private readonly Span<JsonMember> _members = members;
        private int _begins = None; // whose name has just been read
        private int _open = None; // whose value is an object or array that is being read

        public readonly bool IsInVain => _names.IsEmpty;

        // The reader is at a name of the message's; true: the payload's.
        public bool Begin(scoped ref Utf8JsonReader reader)
        {
            for (var i = 0; i < _names.Length; i++)
            {
                if (!reader.ValueTextEquals(_names[i]))
                    continue;
                _begins = i;
                return i == payload;
            }
            return false;
        }

        public void See(scoped ref Utf8JsonReader reader)
        {
            if (_begins != None)
            {
                var start = (int)reader.TokenStartIndex;
                _members[_begins] = new JsonMember(start, (int)reader.BytesConsumed - start, reader.TokenType);
                _open = reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray ? _begins : None;
                _begins = None;
            }
            else if (_open != None && reader.CurrentDepth == 1 && reader.TokenType is JsonTokenType.EndObject or JsonTokenType.EndArray)
            {
                ref var member = ref _members[_open];
                member = member with { Length = (int)reader.BytesConsumed - member.Start };
                _open = None;
            }
        }
    }
}

/// <summary>Where in a message the value of a member is.</summary>
/// <param name="Start">Its first byte.</param>
/// <param name="Length">Its bytes.</param>
/// <param name="Kind">What it begins with; None: there is no such member.</param>
public readonly record struct JsonMember(int Start, int Length, JsonTokenType Kind)
{
    /// <summary>Whether it is there and not null.</summary>
    public bool IsGiven => Kind is not (JsonTokenType.None or JsonTokenType.Null);
}
