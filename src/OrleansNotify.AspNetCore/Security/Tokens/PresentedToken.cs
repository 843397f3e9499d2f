using Microsoft.AspNetCore.Http;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>The connection token a request brings along.</summary>
internal static class PresentedToken
{
    /// <summary>A subprotocol that begins so carries a token: a browser's WebSocket can send no headers. The server never chooses it; offer <c>notify.json</c> as well.</summary>
    public const string SubProtocolPrefix = "notify.token.";

    private const string Bearer = "Bearer ";

    /// <summary>By <c>Authorization: Bearer</c>, else <c>?access_token=</c>, else a subprotocol; null: none of them.</summary>
    public static string? Of(HttpRequest request)
    {
        if (request.Headers.Authorization is [{ } header] && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
            return header[Bearer.Length..].Trim();
        if (request.Query.TryGetValue("access_token", out var parameter))
            return parameter.ToString();
        return request.Headers.SecWebSocketProtocol
            .SelectMany(line => (line ?? "").Split(',', StringSplitOptions.TrimEntries))
            .Where(name => name.StartsWith(SubProtocolPrefix, StringComparison.Ordinal))
            .Select(name => name[SubProtocolPrefix.Length..])
            .FirstOrDefault();
    }
}
