using Microsoft.Extensions.Options;

namespace OrleansNotify.AspNetCore.Security.ApiKeys;

/// <summary>Checks <see cref="ApiKeyOptions"/>, naming the setting that is wrong. A hash is not shown: it might be a key put there by mistake.</summary>
internal sealed class ApiKeyOptionsCheck : IValidateOptions<ApiKeyOptions>
{
    private const int MaxNameLength = 64;
    private const int MaxPublishesPerSecond = 1_000_000;

    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, ApiKeyOptions options)
    {
        var failures = new List<string>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        var hashes = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < options.Keys.Count; i++)
        {
            var key = options.Keys[i];
            var path = $"{ApiKeyOptions.Section}:{i}";
            if (!IsName(key.Name))
                failures.Add($"{path}:{nameof(key.Name)} ('{key.Name}') must be 1 to {MaxNameLength} of A-Z a-z 0-9 _ . -");
            else if (!names.Add(key.Name))
                failures.Add($"{path}:{nameof(key.Name)} ('{key.Name}') is another key's too: names must differ.");
            if (ApiKeySecret.ReadHash(key.Hash) is not { } hash)
                failures.Add($"{path}:{nameof(key.Hash)} must be the SHA-256 of the key, in hex (64 digits) or base64 (44 characters), as the verb api-key prints it.");
            else if (!hashes.Add(Convert.ToHexString(hash)))
                failures.Add($"{path}:{nameof(key.Hash)} is another key's too: each name needs a key of its own.");
            CheckScopes(key, path, failures);
            if (key.PublishesPerSecond is < 0 or > MaxPublishesPerSecond)
                failures.Add($"{path}:{nameof(key.PublishesPerSecond)} ({key.PublishesPerSecond}) must be between 0, which means any number, and {MaxPublishesPerSecond}.");
            if (!ChannelGrants.TryRead(key.Channels, out _, out var wrong))
                failures.Add($"{path}:{nameof(key.Channels)}:{wrong} ('{key.Channels[wrong.Value]}') must be a channel, or a pattern such as chat.* or chat.**");
        }
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    /// <summary>Whether a key may be called so.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= MaxNameLength && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-');

    private static void CheckScopes(ApiKeySettings key, string path, List<string> failures)
    {
        if (key.Scopes.Length == 0)
            failures.Add($"{path}:{nameof(key.Scopes)} is empty: give it at least one of publish, read, admin.");
        for (var i = 0; i < key.Scopes.Length; i++)
        {
            if (!ApiKeys.TryReadScope(key.Scopes[i], out _))
                failures.Add($"{path}:{nameof(key.Scopes)}:{i} ('{key.Scopes[i]}') must be one of publish, read, admin.");
        }
    }
}
