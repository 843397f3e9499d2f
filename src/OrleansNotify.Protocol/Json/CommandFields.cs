using System.Globalization;
using System.Text.Json;

namespace OrleansNotify.Protocol.Json;

/// <summary>The fields a command may have; the order is that of <see cref="CommandFields.Names"/>.</summary>
internal enum CommandField
{
    Type, Id, Channel, History, Recover, Token, Presence, Tags, Data, Event, Echo, IdempotencyKey, Since, Limit, Reverse,
}

/// <summary>
/// The top-level fields of a message that is known to be sound JSON, read when a command wants them. Null counts as left out. A failed read sets
/// <see cref="Problem"/>.
/// </summary>
/// <param name="utf8">A JSON object.</param>
/// <param name="members">Where in it each field is.</param>
internal ref struct CommandFields(ReadOnlySpan<byte> utf8, ReadOnlySpan<JsonMember> members)
{
    public const int Count = (int)CommandField.Reverse + 1;

    // Room for the longest text of so many characters with each of them written as \uXXXX, and its quotes: beyond it nothing is decoded.
    private const int BytesPerCharacter = 6;

    private static readonly string[] Names =
        ["type", "id", "channel", "history", "recover", "token", "presence", "tags", "data", "event", "echo", "idempotencyKey", "since", "limit", "reverse"];

    private static readonly byte[][] EncodedNames = [.. Names.Select(System.Text.Encoding.UTF8.GetBytes)];

    private readonly ReadOnlySpan<byte> _utf8 = utf8;
    private readonly ReadOnlySpan<JsonMember> _members = members;

    /// <summary>The fields' names, to find them by.</summary>
    public static ReadOnlySpan<byte[]> Utf8Names => EncodedNames;

    /// <summary>What was wrong with the field read last.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether the field is there, even as null.</summary>
    public readonly bool IsPresent(CommandField field) => _members[(int)field].Kind != JsonTokenType.None;

    /// <summary>Whether the field is there and not null.</summary>
    public readonly bool Has(CommandField field) => _members[(int)field].IsGiven;

    /// <summary>Whether the field is there and false.</summary>
    public readonly bool IsFalse(CommandField field) => _members[(int)field].Kind == JsonTokenType.False;

    /// <summary>The value as it was written.</summary>
    public readonly ReadOnlySpan<byte> Raw(CommandField field) => _utf8.Slice(_members[(int)field].Start, _members[(int)field].Length);

    /// <summary>The client's id of the command: a string or number of at most <paramref name="maxBytes"/> as written; a copy.</summary>
    public bool TryId(int maxBytes, out ReadOnlyMemory<byte> id)
    {
        id = default;
        var member = _members[(int)CommandField.Id];
        if (!Has(CommandField.Id))
            return true;
        if (member.Kind is not (JsonTokenType.String or JsonTokenType.Number))
            return Fail(Expected(CommandField.Id, "a string or a number"));
        if (member.Length > maxBytes)
            return Fail($"\"id\" takes {member.Length} bytes; at most {maxBytes}, quotes included.");
        id = Raw(CommandField.Id).ToArray();
        return true;
    }

    /// <summary>A string; null when left out. One that is certainly longer than allowed is refused unread.</summary>
    public bool TryString(CommandField field, int maxLength, out string? text)
    {
        text = null;
        if (!Has(field))
            return true;
        var member = _members[(int)field];
        if (member.Kind != JsonTokenType.String)
            return Fail(Expected(field, "a string"));
        if (member.Length > (maxLength * BytesPerCharacter) + 2)
            return Fail($"\"{Name(field)}\" is too long; at most {maxLength} characters.");
        text = JsonPayload.Text(Raw(field));
        return true;
    }

    /// <summary>The channel, checked.</summary>
    public bool TryChannel(out string channel) => TryChannelText(out channel) && (ChannelName.TryCheck(channel, out var problem) || Fail(problem));

    /// <summary>The channel, checked, or a pattern.</summary>
    public bool TryChannelOrPattern(out string channel, out ChannelPattern? pattern)
    {
        pattern = null;
        if (!TryChannelText(out channel))
            return false;
        if (!ChannelPattern.IsMeant(channel))
            return ChannelName.TryCheck(channel, out var problem) || Fail(problem);
        return ChannelPattern.TryParse(channel, out pattern)
            || Fail("Invalid channel: a pattern is a name whose levels may be '*' (one level), the last also '**' (one or more), without '$', '@' and '#', and with no '*' in its namespace.");
    }

    /// <summary>Positions of channels that a pattern matches; none when left out.</summary>
    public bool TryRecoveries(ChannelPattern pattern, int max, out IReadOnlyList<ChannelRecovery> recoveries)
    {
        recoveries = [];
        if (!Has(CommandField.Recover))
            return true;
        const string Shape = "[{\"channel\":\"…\",\"epoch\":\"…\",\"offset\":0}, …]";
        if (_members[(int)CommandField.Recover].Kind != JsonTokenType.StartArray)
            return Fail(Expected(CommandField.Recover, $"a list of positions {Shape} for a pattern"));
        var raw = Raw(CommandField.Recover);
        var found = new Dictionary<string, ChannelRecovery>(StringComparer.Ordinal);
        var reader = Over(raw);
        reader.Read();
        for (var entry = 1; reader.Read() && reader.TokenType != JsonTokenType.EndArray; entry++)
        {
            if (entry > max)
                return Fail($"\"recover\" may list at most {max} channels.");
            if (reader.TokenType != JsonTokenType.StartObject)
                return Fail($"\"recover\" entry {entry} must be an object {{\"channel\":\"…\",\"epoch\":\"…\",\"offset\":0}}, not {Kind(reader.TokenType)}.");
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            var of = new PositionReader(raw[start..(int)reader.BytesConsumed], $"recover[{entry - 1}]");
            if (!of.TryRead(out var channel, out var from))
                return Fail(of.Problem!);
            if (channel is null || !ChannelName.TryCheck(channel, out _) || !pattern.Matches(channel))
                return Fail($"\"recover\" entry {entry} must name a channel that the pattern matches, as \"channel\".");
            if (!found.TryAdd(channel, new ChannelRecovery(channel, from!)))
                return Fail($"\"recover\" names {channel} twice.");
        }
        recoveries = [.. found.Values];
        return true;
    }

    private bool TryChannelText(out string channel)
    {
        channel = "";
        var member = _members[(int)CommandField.Channel];
        if (!Has(CommandField.Channel))
            return Fail("Invalid channel: \"channel\" is missing; name a channel.");
        if (member.Kind != JsonTokenType.String)
            return Fail($"Invalid channel: {Expected(CommandField.Channel, "a string")}");
        if (member.Length > (ChannelName.MaxLength * BytesPerCharacter) + 2)
            return Fail($"Invalid channel: the name is too long; it takes 1 to {ChannelName.MaxLength} characters.");
        channel = JsonPayload.Text(Raw(CommandField.Channel));
        return true;
    }

    /// <summary>True or false; null when left out.</summary>
    public bool TryBool(CommandField field, out bool? value)
    {
        value = null;
        if (!Has(field))
            return true;
        var kind = _members[(int)field].Kind;
        if (kind is not (JsonTokenType.True or JsonTokenType.False))
            return Fail(Expected(field, "true or false"));
        value = kind == JsonTokenType.True;
        return true;
    }

    /// <summary>A whole number from 0 to <paramref name="max"/>; null when left out.</summary>
    public bool TryCount(CommandField field, int max, out int? count)
    {
        count = null;
        if (!Has(field))
            return true;
        var kind = _members[(int)field].Kind;
        if (kind != JsonTokenType.Number)
            return Fail(Expected(field, $"a whole number from 0 to {max}"));
        if (!TryWhole(Raw(field), out var value) || value > (ulong)max)
            return Fail($"\"{Name(field)}\" must be a whole number from 0 to {max}, in digits only.");
        count = (int)value;
        return true;
    }

    /// <summary>An array of strings; null when left out or empty. Stops one behind <paramref name="max"/>.</summary>
    public bool TryStrings(CommandField field, int max, int maxLength, out string[]? texts)
    {
        texts = null;
        if (!Has(field))
            return true;
        if (_members[(int)field].Kind != JsonTokenType.StartArray)
            return Fail(Expected(field, "an array of strings"));
        var found = new List<string>();
        var reader = Over(Raw(field));
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray && found.Count <= max)
        {
            if (reader.TokenType != JsonTokenType.String)
                return Fail($"\"{Name(field)}\" entry {found.Count + 1} must be a string, not {Kind(reader.TokenType)}.");
            if (reader.ValueSpan.Length > maxLength * BytesPerCharacter)
                return Fail($"\"{Name(field)}\" entry {found.Count + 1} is too long; at most {maxLength} characters.");
            found.Add(reader.GetString()!);
        }
        texts = found.Count == 0 ? null : [.. found];
        return true;
    }

    /// <summary>A position; null when left out. An epoch that is none of ours is no error.</summary>
    public bool TryPosition(CommandField field, out RecoverFrom? position)
    {
        position = null;
        if (!Has(field))
            return true;
        if (_members[(int)field].Kind != JsonTokenType.StartObject)
            return Fail(Expected(field, PositionReader.Shape));
        var reader = new PositionReader(Raw(field), Name(field));
        return reader.TryRead(out _, out position) || Fail(reader.Problem!);
    }

    /// <summary>One position: an object with epoch and offset, and in a list of them with the channel.</summary>
    private ref struct PositionReader(ReadOnlySpan<byte> raw, string name)
    {
        public const string Shape = "an object {\"epoch\":\"…\",\"offset\":0}";

        private readonly ReadOnlySpan<byte> _raw = raw;

        public string? Problem { get; private set; }

        public bool TryRead(out string? channel, out RecoverFrom? position)
        {
            (channel, position) = (null, null);
            ChannelEpoch? epoch = null;
            ulong offset = 0;
            var (hasEpoch, hasOffset) = (false, false);
            var reader = Over(_raw);
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var isEpoch = reader.ValueTextEquals("epoch"u8);
                var isOffset = reader.ValueTextEquals("offset"u8);
                var isChannel = reader.ValueTextEquals("channel"u8);
                reader.Read();
                if (isEpoch)
                {
                    if (reader.TokenType != JsonTokenType.String)
                        return Fail($"\"{name}.epoch\" must be a string, as the server sent it, not {Kind(reader.TokenType)}.");
                    hasEpoch = true;
                    epoch = EpochOf(ref reader);
                }
                else if (isOffset)
                {
                    if (reader.TokenType != JsonTokenType.Number || !TryWhole(reader.ValueSpan, out offset))
                        return Fail($"\"{name}.offset\" must be a whole number from 0 to {ulong.MaxValue}, in digits only.");
                    hasOffset = true;
                }
                else if (isChannel && reader.TokenType == JsonTokenType.String && reader.ValueSpan.Length <= ChannelName.MaxLength * BytesPerCharacter)
                {
                    channel = reader.GetString();
                }
                reader.Skip();
            }
            if (!hasEpoch || !hasOffset)
                return Fail($"\"{name}\" must be {Shape}; \"{(hasEpoch ? "offset" : "epoch")}\" is missing.");
            position = new RecoverFrom(epoch, offset);
            return true;
        }

        private bool Fail(string problem)
        {
            Problem = problem;
            return false;
        }
    }

    private static Utf8JsonReader Over(ReadOnlySpan<byte> json) => new(json, new JsonReaderOptions { MaxDepth = JsonPayload.MaxDepth + 1 });

    private static ChannelEpoch? EpochOf(ref Utf8JsonReader reader) =>
        reader.ValueSpan.Length <= ChannelEpoch.MaxLength * BytesPerCharacter && ChannelEpoch.TryParse(reader.GetString(), out var epoch) && epoch != ChannelEpoch.None
            ? epoch
            : null;

    // JSON's grammar has refused signs, spaces and leading zeros where they don't belong; what is left to refuse: '-', '.', 'e', and too much.
    private static bool TryWhole(ReadOnlySpan<byte> number, out ulong value) =>
        ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static string Name(CommandField field) => Names[(int)field];

    private static string Kind(JsonTokenType kind) => kind switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    private readonly string Expected(CommandField field, string what) => $"\"{Name(field)}\" must be {what}, not {Kind(_members[(int)field].Kind)}.";

    private bool Fail(string problem)
    {
        Problem = problem;
        return false;
    }
}
