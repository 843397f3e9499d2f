using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using OrleansNotify.Grains.Channels;

namespace OrleansNotify.AspNetCore.Security.ApiKeys;

/// <summary>The configured keys.</summary>
internal sealed class ApiKeys
{
    private const int MaxLength = 256; // ours have 47 characters; more is not worth a hash

    private readonly (byte[] Hash, ApiKey Key)[] _keys;

    /// <summary>With checked options.</summary>
    public ApiKeys(IOptions<ApiKeyOptions> options, TimeProvider time) =>
        _keys = [.. options.Value.Keys.Select(key => (ApiKeySecret.ReadHash(key.Hash)!, Of(key, time)))];

    /// <summary>Whether there is any. If not, nobody presents one that fits.</summary>
    public bool IsOn => _keys.Length > 0;

    /// <summary>Who presents a key. It takes as long whichever key it is, and when it is none: time tells nothing about a hash.</summary>
    /// <param name="presented">The key as it came.</param>
    /// <returns>Whose it is, or null.</returns>
    public ApiKey? Find(string? presented)
    {
        if (string.IsNullOrEmpty(presented) || presented.Length > MaxLength)
            return null;
        var hash = ApiKeySecret.Hash(presented);
        ApiKey? found = null;
        foreach (var (known, key) in _keys)
        {
            if (CryptographicOperations.FixedTimeEquals(known, hash))
                found = key;
        }
        return found;
    }

    /// <summary>Reads the name of a scope.</summary>
    public static bool TryReadScope(string? name, out ApiScopes scope)
    {
        scope = name switch
        {
            "publish" => ApiScopes.Publish,
            "read" => ApiScopes.Read,
            "admin" => ApiScopes.Admin,
            _ => ApiScopes.None,
        };
        return scope != ApiScopes.None;
    }

    /// <summary>The name of a scope.</summary>
    public static string NameOf(ApiScopes scope) => scope switch
    {
        ApiScopes.Publish => "publish",
        ApiScopes.Read => "read",
        ApiScopes.Admin => "admin",
        _ => throw new ArgumentOutOfRangeException(nameof(scope), scope, null),
    };

    private static ApiKey Of(ApiKeySettings settings, TimeProvider time)
    {
        var scopes = ApiScopes.None;
        foreach (var name in settings.Scopes)
        {
            if (TryReadScope(name, out var scope))
                scopes |= scope;
        }
        var channels = settings.Channels.Length == 0 ? ChannelGrants.Everything
            : ChannelGrants.TryRead(settings.Channels, out var read, out _) ? read : ChannelGrants.Nothing;
        return new(settings.Name, scopes, channels) { Rate = settings.PublishesPerSecond > 0 ? new RateLimit(settings.PublishesPerSecond, time) : null };
    }
}
