using System.Diagnostics.CodeAnalysis;

namespace OrleansNotify.Protocol.Json;

/// <summary>Reads one JSON text message from a client.</summary>
public static class JsonCommandReader
{
    /// <summary>Most channels whose positions the <c>recover</c> option of a pattern may list.</summary>
    public const int MaxRecoveries = 300;

    /// <summary>Longest token, in characters: more than any server is configured to take.</summary>
    public const int MaxToken = 32 << 10;

    /// <summary>Longest command id as written, quotes included.</summary>
    public const int MaxIdBytes = 64;

    /// <summary>Reads a command.</summary>
    /// <param name="utf8">The whole message. Nothing of it is referenced afterwards: what is kept is copied.</param>
    /// <param name="maxHistory">Most publications that one <c>history</c> option or command may ask for.</param>
    /// <param name="command">The command, or null.</param>
    /// <param name="problem">What to answer instead; its id is echoed where it could be read.</param>
    /// <param name="maxDepth">Deepest <c>data</c>; the message may have one level more.</param>
    public static bool TryRead(
        ReadOnlySpan<byte> utf8, int maxHistory, [NotNullWhen(true)] out ClientCommand? command, out CommandProblem problem, int maxDepth = JsonPayload.MaxDepth)
    {
        command = null;
        problem = default;
        Span<JsonMember> members = stackalloc JsonMember[CommandFields.Count];
        if (!JsonPayload.TryCheckMessage(utf8, CommandFields.Utf8Names, (int)CommandField.Data, members, out var shape, out var words, maxDepth))
        {
            problem = new CommandProblem(default, NotifyError.BadRequest, words);
            return false;
        }
        if (!JsonPayload.IsObject(utf8))
        {
            problem = new CommandProblem(default, NotifyError.BadRequest, "A message must be one JSON object, such as {\"type\":\"ping\"}.");
            return false;
        }
        var reading = new Reading(new CommandFields(utf8, members), shape, maxHistory);
        command = reading.Read();
        if (command is null)
            problem = new CommandProblem(reading.Id, reading.Code, reading.Problem);
        return command is not null;
    }

    /// <summary>One message on its way to a command. A method that returns null has said why in <see cref="Problem"/>.</summary>
    private ref struct Reading(CommandFields fields, PayloadShape dataShape, int maxHistory)
    {
        private const string Types = "subscribe, unsubscribe, ping, publish, history, presence, presence_stats, auth or refresh";

        private CommandFields _fields = fields;
        private ReadOnlyMemory<byte> _id;
        private string? _refusal;

        public readonly ReadOnlyMemory<byte> Id => _id;

        public NotifyError Code { get; private set; } = NotifyError.BadRequest;

        public readonly string Problem => _refusal ?? _fields.Problem!;

        public ClientCommand? Read()
        {
            if (!_fields.TryId(MaxIdBytes, out _id))
                return null;
            const int LongestTypeShown = 255;
            if (!_fields.TryString(CommandField.Type, LongestTypeShown, out var type))
                return null;
            return type switch
            {
                "subscribe" => Subscribe(),
                "unsubscribe" => _fields.TryChannelOrPattern(out var channel, out _) ? new UnsubscribeCommand(_id, channel) : null,
                "ping" => new PingCommand(_id),
                "publish" => Publish(),
                "history" => History(),
                "auth" => TryToken(out var token) ? new AuthCommand(_id, token) : null,
                "refresh" => TryToken(out var newer) ? new RefreshCommand(_id, newer) : null,
                "presence" => _fields.TryChannel(out var whose) ? new PresenceCommand(_id, whose) : null,
                "presence_stats" => _fields.TryChannel(out var counted) ? new PresenceStatsCommand(_id, counted) : null,
                null => Refuse(NotifyError.BadRequest, $"\"type\" is missing; send {Types}."),
                _ => Refuse(NotifyError.UnknownType, $"Unknown type \"{Excerpt.Of(type)}\"; send {Types}."),
            };
        }

        private SubscribeCommand? Subscribe()
        {
            RecoverFrom? recover = null;
            IReadOnlyList<ChannelRecovery> recoveries = [];
            if (!_fields.TryChannelOrPattern(out var channel, out var pattern)
                || !_fields.TryCount(CommandField.History, maxHistory, out var history)
                || !(pattern is null ? _fields.TryPosition(CommandField.Recover, out recover) : _fields.TryRecoveries(pattern, MaxRecoveries, out recoveries))
                || !_fields.TryBool(CommandField.Presence, out var presence)
                || !_fields.TryStrings(CommandField.Tags, PublicationRules.MaxTags, PublicationRules.MaxTagLength, out var tags)
                || !_fields.TryString(CommandField.Token, MaxToken, out var token))
                return null;
            if (history is not null && recover is not null)
                _refusal = "\"history\" and \"recover\" exclude each other; send one of them.";
            else if (history is not null && pattern is not null)
                _refusal = "\"history\" is for one channel; read the history of each by the command history.";
            else if (!PublicationRules.TryCheckTags(tags, out var problem))
                _refusal = problem;
            else if (tags is null && _fields.Has(CommandField.Tags))
                _refusal = "\"tags\" is empty; name at least one tag, or leave it out to get everything.";
            else if (tags is not null && ChannelName.IsUnlisted(channel))
                _refusal = "\"tags\" cannot narrow a channel that begins with '@' or '#': it comes without asking.";
            else if (presence == true && pattern is not null)
                _refusal = "\"presence\" is for one channel; a pattern tells nobody's coming and going.";
            if (_refusal is not null)
                return null;
            return new SubscribeCommand(_id, channel, history, recover, !_id.IsEmpty || history is not null || _fields.Has(CommandField.Recover) || presence is not null || token is not null || tags is not null)
            {
                Token = token,
                Tags = tags,
                Presence = presence ?? false,
                Pattern = pattern,
                Recoveries = recoveries,
            };
        }

        private bool TryToken(out string token)
        {
            token = "";
            if (!_fields.TryString(CommandField.Token, MaxToken, out var given))
                return false;
            if (given is null)
                _refusal = "\"token\" is missing; send a connection token of your application's.";
            token = given ?? "";
            return given is not null;
        }

        private PublishCommand? Publish()
        {
            if (!_fields.TryChannel(out var channel)
                || !_fields.TryString(CommandField.Event, PublicationRules.MaxEventLength, out var name)
                || !_fields.TryStrings(CommandField.Tags, PublicationRules.MaxTags, PublicationRules.MaxTagLength, out var tags)
                || !_fields.TryString(CommandField.IdempotencyKey, PublicationRules.MaxIdempotencyKeyLength, out var key)
                || !_fields.TryBool(CommandField.Echo, out var echo))
                return null;
            if (ChannelName.IsUnlisted(channel))
                Refuse(NotifyError.PermissionDenied, "Clients may not publish to channels that begin with '@' or '#'; only the HTTP API does.");
            else if (!_fields.IsPresent(CommandField.Data))
                _refusal = "\"data\" is missing; send any JSON value.";
            else if (!PublicationRules.TryCheck(name, tags, key, out var problem))
                _refusal = problem;
            if (_refusal is not null)
                return null;
            var draft = new PublicationDraft(_fields.Raw(CommandField.Data).ToArray(), dataShape) { Event = name, Tags = tags, IdempotencyKey = key };
            return new PublishCommand(_id, channel, draft, echo ?? true);
        }

        private HistoryCommand? History() =>
            _fields.TryChannel(out var channel)
            && _fields.TryPosition(CommandField.Since, out var since)
            && _fields.TryCount(CommandField.Limit, maxHistory, out var limit)
            && _fields.TryBool(CommandField.Reverse, out var reverse)
                ? new HistoryCommand(_id, channel, since, limit, reverse ?? false)
                : null;

        private ClientCommand? Refuse(NotifyError code, string refusal)
        {
            Code = code;
            _refusal = refusal;
            return null;
        }
    }
}

/// <summary>Why a message is no command.</summary>
/// <param name="Id">As in <see cref="ClientCommand"/>.</param>
/// <param name="Code">The code of the error reply.</param>
/// <param name="Message">A sentence that says what is wrong and what to do.</param>
public readonly record struct CommandProblem(ReadOnlyMemory<byte> Id, NotifyError Code, string Message);
