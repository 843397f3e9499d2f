using OrleansNotify.Grains.Channels;

namespace OrleansNotify.AspNetCore.Security.ApiKeys;

/// <summary>What a key may do; none of them includes another.</summary>
[Flags]
internal enum ApiScopes
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Publish.</summary>
    Publish = 1,

    /// <summary>Look: statistics, channels, histories, connections.</summary>
    Read = 2,

    /// <summary>Disconnect, erase.</summary>
    Admin = 4,
}

/// <summary>Somebody who presented a key we know.</summary>
/// <param name="Name">Its name, for logs and as the scope of idempotency keys.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="Channels">The channels it may do that on.</param>
internal sealed record ApiKey(string Name, ApiScopes Scopes, ChannelGrants Channels)
{
    /// <summary>How fast it may publish; null: as fast as it can.</summary>
    public RateLimit? Rate { get; init; }

    /// <summary>Whether it may do something.</summary>
    public bool May(ApiScopes scope) => (Scopes & scope) == scope;
}
