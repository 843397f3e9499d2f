using OrleansNotify.AspNetCore.Security.Tokens;

namespace OrleansNotify.AspNetCore.Security;

/// <summary>Who a connection is, and what it may do.</summary>
/// <param name="User">Its user; null: nobody in particular.</param>
/// <param name="Expires">From when it is so no longer, clock skew included.</param>
/// <param name="Permissions">Channels it was granted.</param>
/// <param name="Channels">Channels it is attached to without asking.</param>
internal sealed record Identity(string? User, DateTimeOffset Expires, ChannelGrants Permissions, IReadOnlyList<string> Channels)
{
    /// <summary>The token it goes by; null: none.</summary>
    public ConnectionToken? Token { get; private init; }

    /// <summary>Where no tokens are asked for.</summary>
    public static Identity WithoutToken(string? user) => new(user, DateTimeOffset.MaxValue, ChannelGrants.Nothing, []);

    /// <summary>What a token says.</summary>
    public static Identity Of(ConnectionToken token, TimeSpan clockSkew) => new(token.User, token.Expires + clockSkew, token.Permissions, token.Channels) { Token = token };

    /// <summary>Whether a channel was granted by name or pattern.</summary>
    public bool IsGranted(string channel) => Permissions.Cover(channel) || Channels.Contains(channel);
}
