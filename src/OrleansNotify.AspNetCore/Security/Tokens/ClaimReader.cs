using System.Runtime.InteropServices;
using System.Text.Json;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>
/// Reads claims and remembers the first that is wrong; after that the values it returns mean nothing. JSON <c>null</c> counts as absent. Names are those of
/// the specification, so they may stand in a sentence; what a token says may not.
/// </summary>
/// <param name="claims">A JSON object without repeated names.</param>
internal sealed class ClaimReader(JsonElement claims)
{
    /// <summary>The first thing that is wrong, or null.</summary>
    public TokenRefusal? Problem { get; private set; }

    /// <summary>A text; null: absent.</summary>
    public string? Text(string name)
    {
        if (!Has(name, out var claim))
            return null;
        if (claim.ValueKind == JsonValueKind.String)
            return claim.GetString();
        Wrong(name, "must be a string");
        return null;
    }

    /// <summary><c>sub</c>, required.</summary>
    public string User()
    {
        var user = Text("sub") ?? "";
        if (!ChannelName.IsUserId(user))
            Wrong("sub", $"must be a user id: 1 to {ChannelName.MaxUserIdLength} of A-Z a-z 0-9 _ . @ = + ~ : -");
        return user;
    }

    /// <summary>The name of one channel, required.</summary>
    public string Channel(string name)
    {
        var channel = Text(name) ?? "";
        if (!ChannelName.TryCheck(channel, out _))
            Wrong(name, "must be the name of one channel");
        return channel;
    }

    /// <summary><c>exp</c>, required.</summary>
    public DateTimeOffset Expires()
    {
        if (Time("exp") is { } expires)
            return expires;
        Wrong("exp", "is required");
        return default;
    }

    /// <summary>Seconds since 1970 (RFC 7519 2, NumericDate), a fraction cut off; null: absent.</summary>
    public DateTimeOffset? Time(string name)
    {
        if (!Has(name, out var claim))
            return null;
        if (claim.ValueKind == JsonValueKind.Number && claim.TryGetDouble(out var seconds) && seconds >= 0 && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds())
            return DateTimeOffset.FromUnixTimeSeconds((long)seconds);
        Wrong(name, "must be a number of seconds since 1970");
        return null;
    }

    /// <summary>A value as it stands; null: absent.</summary>
    public ReadOnlyMemory<byte>? Json(string name) => Has(name, out var claim) ? new(JsonMarshal.GetRawUtf8Value(claim).ToArray()) : default(ReadOnlyMemory<byte>?);

    /// <summary>A list of names of channels, each once.</summary>
    public IReadOnlyList<string> Channels(string name)
    {
        if (!Has(name, out var claim))
            return [];
        if (Strings(claim) is { } names && names.TrueForAll(channel => ChannelName.TryCheck(channel, out _)))
            return [.. names.Distinct(StringComparer.Ordinal)];
        Wrong(name, "must be an array of names of channels");
        return [];
    }

    /// <summary>An object whose names are channels and patterns, each with <c>{}</c>.</summary>
    public ChannelGrants Grants(string name)
    {
        if (!Has(name, out var claim))
            return ChannelGrants.Nothing;
        if (claim.ValueKind == JsonValueKind.Object
            && claim.EnumerateObject().All(grant => grant.Value.ValueKind == JsonValueKind.Object && !grant.Value.EnumerateObject().Any())
            && ChannelGrants.TryRead(claim.EnumerateObject().Select(grant => grant.Name), out var grants, out _))
            return grants;
        Wrong(name, "must be an object whose names are channels or patterns (chat.*, chat.**) and whose values are {}");
        return ChannelGrants.Nothing;
    }

    /// <summary>A string, or an array of strings (RFC 7519 4.1.3).</summary>
    public IReadOnlyList<string> Audiences()
    {
        if (!Has("aud", out var claim))
            return [];
        if (claim.ValueKind == JsonValueKind.String)
            return [claim.GetString()!];
        if (Strings(claim) is { } audiences)
            return audiences;
        Wrong("aud", "must be a string or an array of strings");
        return [];
    }

    /// <summary>None of these may be there.</summary>
    /// <param name="names">Their names.</param>
    /// <param name="why">What it means that one is, as the end of a sentence.</param>
    public void Without(string[] names, string why)
    {
        foreach (var name in names)
        {
            if (Has(name, out _))
                Wrong(name, $"must not be there; {why}");
        }
    }

    private static List<string>? Strings(JsonElement array) =>
        array.ValueKind == JsonValueKind.Array && array.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. array.EnumerateArray().Select(item => item.GetString()!)]
            : null;

    private bool Has(string name, out JsonElement claim) => claims.TryGetProperty(name, out claim) && claim.ValueKind != JsonValueKind.Null;

    private void Wrong(string name, string what) => Problem ??= new(TokenRefusalReason.BadClaim, $"The token's claim \"{name}\" {what}.");
}
