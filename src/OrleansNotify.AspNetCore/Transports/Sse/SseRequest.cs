using System.Buffers;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Transports.Sse;

/// <summary>What <c>GET /sse</c> asks for.</summary>
/// <param name="Channels">Checked names, each once, in the order given.</param>
/// <param name="Had">For each channel the position that the client had; null: none.</param>
/// <param name="Tokens">For each channel the subscription token, unchecked; null: none.</param>
/// <param name="History">How many of the last publications to begin with, where the client had no position; null: none.</param>
internal sealed record SseRequest(string[] Channels, SsePosition?[] Had, string?[] Tokens, int? History)
{
    private static readonly SearchValues<char> EpochCharacters = SearchValues.Create("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_");

    /// <summary>Reads the request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxChannels">At most so many.</param>
    /// <param name="maxHistory">At most so many publications.</param>
    /// <param name="read">What it asks for, or null.</param>
    /// <returns>Null, or the answer to a request that is wrong.</returns>
    public static IResult? Read(HttpRequest request, int maxChannels, int maxHistory, out SseRequest? read)
    {
        read = null;
        var query = new ApiQuery(request.Query);
        var channels = ReadChannels(request.Query["channel"], maxChannels, query);
        var tokens = ReadTokens(request.Query["token"], channels.Length, query);
        int? history = request.Query.ContainsKey("history") ? query.Count("history", 0, 0, maxHistory) : null;
        // A browser's EventSource sets the header by itself when it comes back, and lets no page set it: the parameter is for the first time.
        var position = query.Text("since");
        if (request.Headers["Last-Event-ID"] is [{ Length: > 0 } header])
            position = header;
        if (query.Problem is null && ReadPositions(position, channels.Length) is { } had)
            read = new SseRequest(channels, had, tokens, history);
        else if (query.Problem is null)
            query.Fail("since", $"'since' (or Last-Event-ID) must be an \"id\" that this address sent for these channels in this order: {channels.Length} positions EPOCH:OFFSET joined by ','.");
        return query.Problem;
    }

    /// <summary>The commands that subscribe to the channels.</summary>
    public SubscribeCommand[] Subscribe() => [.. Channels.Select((channel, i) =>
        new SubscribeCommand(default, channel, Had[i] is null ? History : null, Had[i]?.ToRecover(), HasOptions: true) { Token = Tokens[i] })];

    private static string[] ReadChannels(StringValues values, int max, ApiQuery query)
    {
        if (values.Count == 0)
            query.Fail("channel", "Name at least one channel: /sse?channel=news&channel=chat.room1");
        else if (values.Count > max)
            query.Fail("channel", $"At most {max} channels per connection.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in values)
        {
            if (!ChannelName.TryCheck(name ?? "", out var problem))
                query.Fail("channel", problem);
            else if (!names.Add(name!))
                query.Fail("channel", $"The channel {name} is given twice; give it once.");
        }
        return [.. names];
    }

    private static string?[] ReadTokens(StringValues values, int count, ApiQuery query)
    {
        if (values.Count > count)
            query.Fail("token", "There are more tokens than channels: the first token is for the first channel, and so on; leave it empty (token=) for a channel that needs none.");
        return [.. Enumerable.Range(0, count).Select(i => i < values.Count && values[i] is { Length: > 0 } token ? token : null)];
    }

    private static SsePosition?[]? ReadPositions(string? text, int count)
    {
        if (string.IsNullOrEmpty(text))
            return new SsePosition?[count];
        var parts = text.Split(',');
        if (parts.Length != count)
            return null;
        var positions = new SsePosition?[count];
        for (var i = 0; i < count; i++)
        {
            if (parts[i].Length == 0)
                continue;
            var colon = parts[i].IndexOf(':', StringComparison.Ordinal);
            if (colon is < 1 or > ChannelEpoch.MaxLength
                || parts[i].AsSpan(0, colon).ContainsAnyExcept(EpochCharacters)
                || !ulong.TryParse(parts[i].AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
                return null;
            positions[i] = new SsePosition(parts[i][..colon], offset);
        }
        return positions;
    }
}

/// <summary>A position as the client gave it.</summary>
/// <param name="Epoch">1–50 of <c>A-Z a-z 0-9 - _</c>; perhaps none of ours.</param>
/// <param name="Offset">The last offset it has.</param>
internal sealed record SsePosition(string Epoch, ulong Offset)
{
    /// <summary>As commands say it.</summary>
    public RecoverFrom ToRecover() => new(ChannelEpoch.TryParse(Epoch, out var epoch) && epoch != ChannelEpoch.None ? epoch : null, Offset);
}
