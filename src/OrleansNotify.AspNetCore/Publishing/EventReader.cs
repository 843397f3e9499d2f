using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>What a publisher posted, checked.</summary>
/// <param name="Channel">Where it goes.</param>
/// <param name="Draft">What goes there.</param>
internal readonly record struct PostedEvent(string Channel, PublicationDraft Draft);

/// <summary>Why something posted is no event.</summary>
/// <param name="Detail">A sentence that says what is wrong and what to send instead.</param>
/// <param name="Field">The field that is wrong; null when it is the whole.</param>
internal readonly record struct EventProblem(string Detail, string? Field);

/// <summary>
/// Reads <c>{"channel":…,"data":…}</c> and its kin. The bytes of <c>data</c> are cut out as they are; fields that are not known are passed over;
/// null counts as left out, but for <c>data</c>.
/// </summary>
internal ref struct EventReader
{
    // Beyond this a string is not decoded: even with every character written as \uXXXX it is longer than any field takes.
    private const int MaxStringBytes = (255 * 6) + 2;

    private readonly ReadOnlySpan<byte> _utf8;
    private readonly string? _toUser;
    private Value _type;
    private Value _channel;
    private Value _user;
    private Value _data;
    private Value _event;
    private Value _tags;
    private Value _key;
    private EventProblem _problem;

    private EventReader(ReadOnlySpan<byte> utf8, string? toUser)
    {
        _utf8 = utf8;
        _toUser = toUser;
    }

    /// <summary>Reads one event.</summary>
    /// <param name="utf8">One JSON value. Nothing of it is referenced afterwards.</param>
    /// <param name="idempotencyKey">The key given beside it, or null.</param>
    /// <param name="posted">The event.</param>
    /// <param name="problem">Why there is none.</param>
    /// <param name="toUser">The user it is for, where the address says so and the event must not; null: the event says where it goes.</param>
    /// <param name="maxDepth">Deepest <c>data</c>; the event may have one level more.</param>
    public static bool TryRead(
        ReadOnlySpan<byte> utf8, string? idempotencyKey, out PostedEvent posted, out EventProblem problem, string? toUser = null, int maxDepth = JsonPayload.MaxDepth)
    {
        posted = default;
        if (!JsonPayload.TryCheckMessage(utf8, "data"u8, out var shape, out var words, maxDepth))
        {
            problem = new EventProblem(words, null);
            return false;
        }
        var reader = new EventReader(utf8, toUser);
        var read = reader.TryFind() && reader.TryBuild(shape, idempotencyKey, out posted);
        problem = reader._problem;
        return read;
    }

    private bool TryFind()
    {
        var reader = Over(_utf8);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return Fail(null, "An event must be one JSON object, such as {\"channel\":\"notifications\",\"data\":{\"message\":\"hello\"}}.");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ref var value = ref _data;
            if (reader.ValueTextEquals("channel"u8))
                value = ref _channel;
            else if (reader.ValueTextEquals("type"u8))
                value = ref _type;
            else if (reader.ValueTextEquals("user"u8))
                value = ref _user;
            else if (reader.ValueTextEquals("event"u8))
                value = ref _event;
            else if (reader.ValueTextEquals("tags"u8))
                value = ref _tags;
            else if (reader.ValueTextEquals("idempotencyKey"u8))
                value = ref _key;
            else if (!reader.ValueTextEquals("data"u8))
            {
                reader.Skip();
                continue;
            }
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            var kind = reader.TokenType;
            reader.Skip();
            value = new Value(start, (int)reader.BytesConsumed - start, kind);
        }
        return true;
    }

    private bool TryBuild(PayloadShape shape, string? idempotencyKey, out PostedEvent posted)
    {
        posted = default;
        if (!TryTarget(out var channel)
            || !TryString("event", _event, PublicationRules.MaxEventLength, out var name)
            || !TryTags(out var tags)
            || !TryString("idempotencyKey", _key, PublicationRules.MaxIdempotencyKeyLength, out var key))
            return false;
        if (_data.Kind == JsonTokenType.None)
            return Fail("data", "\"data\" is missing; send any JSON value.");
        if (key is not null && idempotencyKey is not null && key != idempotencyKey)
            return Fail("idempotencyKey", "\"idempotencyKey\" and the header Idempotency-Key differ; send one of them.");
        if (!PublicationRules.TryCheckEvent(name, out var problem))
            return Fail("event", problem);
        if (!PublicationRules.TryCheckTags(tags, out problem))
            return Fail("tags", problem);
        if (!PublicationRules.TryCheckIdempotencyKey(key, out problem))
            return Fail("idempotencyKey", problem);
        var data = Raw(_data).ToArray();
        posted = new PostedEvent(channel, PublicationDraft.FromChecked(data, shape, name, tags, null, key ?? idempotencyKey, null));
        return true;
    }

    private bool TryTarget([NotNullWhen(true)] out string? channel)
    {
        channel = null;
        if (_toUser is not null)
        {
            channel = ChannelName.OfUser(_toUser);
            var given = _type.IsGiven ? "type" : _channel.IsGiven ? "channel" : _user.IsGiven ? "user" : null;
            return given is null || Fail(given, $"\"{given}\" is not for this address, which names the user; leave it out.");
        }
        if (!TryString("type", _type, 255, out var type))
            return false;
        switch (type)
        {
            case null or "custom":
                return TryCustom(out channel);
            case "user" or "broadcast" or "system" when _channel.IsGiven:
                return Fail("channel", $"\"channel\" goes with type custom only; with type {type} leave it out.");
            case "user":
                return TryUser(out channel);
            case "broadcast" or "system" when _user.IsGiven:
                return Fail("user", $"\"user\" goes with type user only; with type {type} leave it out.");
            case "broadcast":
                channel = ChannelName.Broadcast;
                return true;
            case "system":
                channel = ChannelName.System;
                return true;
            default:
                return Fail("type", "\"type\" is unknown; send custom (or leave it out), user, broadcast or system.");
        }
    }

    private bool TryCustom([NotNullWhen(true)] out string? channel)
    {
        channel = null;
        if (_user.IsGiven)
            return Fail("user", "\"user\" goes with type user only; send {\"type\":\"user\",\"user\":…,\"data\":…}.");
        if (!_channel.IsGiven)
            return Fail("channel", "\"channel\" is missing; name a channel, or send a type: user, broadcast or system.");
        if (!TryString("channel", _channel, ChannelName.MaxLength, out channel))
            return false;
        if (!ChannelName.TryCheck(channel!, out var problem))
            return Fail("channel", problem);
        if (ChannelName.ReachesEveryone(channel!))
            return Fail("channel", $"{channel} is not published to by name; send \"type\":\"{channel![1..]}\" without channel.");
        return !ChannelName.IsUserChannel(channel!, out _)
            || Fail("channel", "A user's own channel is not published to by name; send {\"type\":\"user\",\"user\":…,\"data\":…}.");
    }

    private bool TryUser([NotNullWhen(true)] out string? channel)
    {
        channel = null;
        if (!_user.IsGiven)
            return Fail("user", "\"user\" is missing; name the user the event is for.");
        if (!TryString("user", _user, ChannelName.MaxUserIdLength, out var user))
            return false;
        if (!ChannelName.IsUserId(user!))
            return Fail("user", $"\"user\" must be a string of 1 to {ChannelName.MaxUserIdLength} of A-Z a-z 0-9 _ . @ = + ~ : -");
        channel = ChannelName.OfUser(user!);
        return true;
    }

    private bool TryString(string field, Value value, int maxLength, out string? text)
    {
        text = null;
        if (!value.IsGiven)
            return true;
        if (value.Kind != JsonTokenType.String)
            return Fail(field, $"\"{field}\" must be a string, not {Name(value.Kind)}.");
        if (value.Length > MaxStringBytes)
            return Fail(field, $"\"{field}\" is too long; at most {maxLength} characters.");
        var reader = Over(Raw(value));
        reader.Read();
        text = reader.GetString();
        return true;
    }

    private bool TryTags(out string[]? tags)
    {
        tags = null;
        if (!_tags.IsGiven)
            return true;
        if (_tags.Kind != JsonTokenType.StartArray)
            return Fail("tags", $"\"tags\" must be an array of strings, not {Name(_tags.Kind)}.");
        var found = new List<string>();
        var reader = Over(Raw(_tags));
        reader.Read();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray && found.Count <= PublicationRules.MaxTags)
        {
            if (reader.TokenType != JsonTokenType.String)
                return Fail("tags", $"\"tags\" entry {found.Count + 1} must be a string, not {Name(reader.TokenType)}.");
            if (reader.ValueSpan.Length > MaxStringBytes)
                return Fail("tags", $"\"tags\" entry {found.Count + 1} is too long; at most {PublicationRules.MaxTagLength} characters.");
            found.Add(reader.GetString()!);
        }
        tags = found.Count == 0 ? null : [.. found];
        return true;
    }

    private static Utf8JsonReader Over(ReadOnlySpan<byte> json) => new(json, new JsonReaderOptions { MaxDepth = JsonPayload.MaxDepth + 1 });

    private readonly ReadOnlySpan<byte> Raw(Value value) => _utf8.Slice(value.Start, value.Length);

    private static string Name(JsonTokenType kind) => kind switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number",
        JsonTokenType.Null => "null",
        _ => "true or false",
    };

    private bool Fail(string? field, string detail)
    {
        _problem = new EventProblem(detail, field);
        return false;
    }

    private readonly record struct Value(int Start, int Length, JsonTokenType Kind)
    {
        public bool IsGiven => Kind is not (JsonTokenType.None or JsonTokenType.Null);
    }
}
