using System.Diagnostics.CodeAnalysis;
using System.Text;
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

    private const int Type = 0, Channel = 1, User = 2, Data = 3, Event = 4, Tags = 5, Key = 6;

    private static readonly byte[][] Names = [.. new[] { "type", "channel", "user", "data", "event", "tags", "idempotencyKey" }.Select(Encoding.UTF8.GetBytes)];

    private readonly ReadOnlySpan<byte> _utf8;
    private readonly ReadOnlySpan<JsonMember> _members;
    private readonly string? _toUser;
    private EventProblem _problem;

    private EventReader(ReadOnlySpan<byte> utf8, ReadOnlySpan<JsonMember> members, string? toUser)
    {
        _utf8 = utf8;
        _members = members;
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
        Span<JsonMember> members = stackalloc JsonMember[Names.Length];
        if (!JsonPayload.TryCheckMessage(utf8, Names, Data, members, out var shape, out var words, maxDepth))
        {
            problem = new EventProblem(words, null);
            return false;
        }
        var reader = new EventReader(utf8, members, toUser);
        var read = JsonPayload.IsObject(utf8)
            ? reader.TryBuild(shape, idempotencyKey, out posted)
            : reader.Fail(null, "An event must be one JSON object, such as {\"channel\":\"notifications\",\"data\":{\"message\":\"hello\"}}.");
        problem = reader._problem;
        return read;
    }

    private bool TryBuild(PayloadShape shape, string? idempotencyKey, out PostedEvent posted)
    {
        posted = default;
        if (!TryTarget(out var channel)
            || !TryString("event", Event, PublicationRules.MaxEventLength, out var name)
            || !TryTags(out var tags)
            || !TryString("idempotencyKey", Key, PublicationRules.MaxIdempotencyKeyLength, out var key))
            return false;
        if (_members[Data].Kind == JsonTokenType.None)
            return Fail("data", "\"data\" is missing; send any JSON value.");
        if (key is not null && idempotencyKey is not null && key != idempotencyKey)
            return Fail("idempotencyKey", "\"idempotencyKey\" and the header Idempotency-Key differ; send one of them.");
        if (!PublicationRules.TryCheckEvent(name, out var problem))
            return Fail("event", problem);
        if (!PublicationRules.TryCheckTags(tags, out problem))
            return Fail("tags", problem);
        if (!PublicationRules.TryCheckIdempotencyKey(key, out problem))
            return Fail("idempotencyKey", problem);
        var data = Raw(_members[Data]).ToArray();
        posted = new PostedEvent(channel, PublicationDraft.FromChecked(data, shape, name, tags, null, key ?? idempotencyKey, null));
        return true;
    }

    private bool TryTarget([NotNullWhen(true)] out string? channel)
    {
        channel = null;
        if (_toUser is not null)
        {
            channel = ChannelName.OfUser(_toUser);
            var given = _members[Type].IsGiven ? "type" : _members[Channel].IsGiven ? "channel" : _members[User].IsGiven ? "user" : null;
            return given is null || Fail(given, $"\"{given}\" is not for this address, which names the user; leave it out.");
        }
        if (!TryString("type", Type, 255, out var type))
            return false;
        switch (type)
        {
            case null or "custom":
                return TryCustom(out channel);
            case "user" or "broadcast" or "system" when _members[Channel].IsGiven:
                return Fail("channel", $"\"channel\" goes with type custom only; with type {type} leave it out.");
            case "user":
                return TryUser(out channel);
            case "broadcast" or "system" when _members[User].IsGiven:
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
        if (_members[User].IsGiven)
            return Fail("user", "\"user\" goes with type user only; send {\"type\":\"user\",\"user\":…,\"data\":…}.");
        if (!_members[Channel].IsGiven)
            return Fail("channel", "\"channel\" is missing; name a channel, or send a type: user, broadcast or system.");
        if (!TryString("channel", Channel, ChannelName.MaxLength, out channel))
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
        if (!_members[User].IsGiven)
            return Fail("user", "\"user\" is missing; name the user the event is for.");
        if (!TryString("user", User, ChannelName.MaxUserIdLength, out var user))
            return false;
        if (!ChannelName.IsUserId(user!))
            return Fail("user", $"\"user\" must be a string of 1 to {ChannelName.MaxUserIdLength} of A-Z a-z 0-9 _ . @ = + ~ : -");
        channel = ChannelName.OfUser(user!);
        return true;
    }

    private bool TryString(string field, int member, int maxLength, out string? text)
    {
        text = null;
        var value = _members[member];
        if (!value.IsGiven)
            return true;
        if (value.Kind != JsonTokenType.String)
            return Fail(field, $"\"{field}\" must be a string, not {Name(value.Kind)}.");
        if (value.Length > MaxStringBytes)
            return Fail(field, $"\"{field}\" is too long; at most {maxLength} characters.");
        text = JsonPayload.Text(Raw(value));
        return true;
    }

    private bool TryTags(out string[]? tags)
    {
        tags = null;
        if (!_members[Tags].IsGiven)
            return true;
        if (_members[Tags].Kind != JsonTokenType.StartArray)
            return Fail("tags", $"\"tags\" must be an array of strings, not {Name(_members[Tags].Kind)}.");
        var found = new List<string>();
        var reader = new Utf8JsonReader(Raw(_members[Tags]));
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

    private readonly ReadOnlySpan<byte> Raw(JsonMember value) => _utf8.Slice(value.Start, value.Length);

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
}
