using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>A channel in a path: percent-encoded once, of a namespace that exists, and one the request's API key is for.</summary>
internal static class ChannelParameter
{
    /// <summary>Reads it.</summary>
    /// <param name="context">The request.</param>
    /// <param name="namespaces">Those that exist.</param>
    /// <param name="channel">As the server decoded it; then its name.</param>
    /// <param name="options">What its name selects.</param>
    /// <param name="refusal">What to answer instead: 400, 403 or 404.</param>
    // The server decodes a path but for %2F, which it leaves. A name has no '%', so a '%' that was itself encoded is no part of one: what it
    // stands before must not be decoded a second time.
    public static bool TryRead(HttpContext context, ChannelNamespaces namespaces, ref string channel, out NamespaceOptions options, out IResult refusal)
    {
        options = null!;
        refusal = null!;
        var raw = context.Features.Get<IHttpRequestFeature>()?.RawTarget ?? "";
        var query = raw.IndexOf('?', StringComparison.Ordinal);
        if (!raw.AsSpan(0, query < 0 ? raw.Length : query).Contains("%25", StringComparison.Ordinal))
            channel = channel.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
        if (!ChannelName.TryCheck(channel, out var problem))
            refusal = ApiProblem.BadParameter("channel", problem);
        else if (!ApiKeyGuard.Allows(ApiKeyGuard.KeyOf(context), channel))
            refusal = ApiProblem.Forbidden(ApiKeyGuard.OtherChannels);
        else if (namespaces.Find(channel) is not { } found)
            refusal = ApiProblem.NotFound($"Unknown namespace '{ChannelName.NamespaceOf(channel)}'.");
        else
            options = found;
        return options is not null;
    }
}
