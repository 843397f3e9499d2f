using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Transports;

/// <summary>
/// Where no tokens are asked for: who a connection is, from <c>?user=</c>, only where <c>Notify:Development:AllowUserParameter</c> is on. Anybody can claim
/// anything by it, so it is off unless enabled.
/// </summary>
internal sealed class DevelopmentUser(IOptions<DevelopmentOptions> options, TokenVerifier tokens)
{
    /// <summary>Reads the user.</summary>
    /// <param name="context">The handshake.</param>
    /// <param name="user">The user, or null.</param>
    /// <returns>Null, or why the request is refused.</returns>
    public string? Read(HttpContext context, out string? user)
    {
        user = null;
        if (!context.Request.Query.TryGetValue("user", out var values))
            return null;
        if (tokens.IsOn)
            return "Here the user is whom the token names; leave the parameter 'user' out.";
        if (!options.Value.AllowUserParameter)
            return "The parameter 'user' is for development and off: enable it by Notify:Development:AllowUserParameter=true.";
        var value = values.Count == 1 ? values[0] : null;
        if (value is null || !ChannelName.IsUserId(value))
            return "The parameter 'user' must be 1-128 of A-Z a-z 0-9 _ . @ = + ~ : -";
        user = value;
        return null;
    }
}
