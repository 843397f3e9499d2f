using Microsoft.Extensions.Options;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>Checks <see cref="TokenOptions"/>, naming the setting that is wrong and never a key. What is configured and could not be used is wrong too: its operator thinks it is in force.</summary>
internal sealed class TokenOptionsCheck : IValidateOptions<TokenOptions>
{
    private static readonly TimeSpan MaxSkew = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan MinRevocation = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MaxRevocation = TimeSpan.FromDays(3_650);

    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, TokenOptions options)
    {
        var failures = new List<string>();
        CheckAlgorithms(options, failures);
        var verifiable = new HashSet<string>(StringComparer.Ordinal);
        CheckSecrets(options, failures, verifiable);
        CheckFiles(options, failures, verifiable);
        CheckJwks(options, failures, verifiable);
        // Only once every key could be read: a key that is malformed has been named already.
        if (failures.Count == 0)
            CheckEveryAlgorithmHasKeys(options, failures, verifiable);
        if (options.ClockSkew < TimeSpan.Zero || options.ClockSkew > MaxSkew)
            failures.Add($"{Path(nameof(options.ClockSkew))} ({options.ClockSkew}) must be between {TimeSpan.Zero} and {MaxSkew}.");
        if (options.RevocationLifetime < MinRevocation || options.RevocationLifetime > MaxRevocation)
            failures.Add($"{Path(nameof(options.RevocationLifetime))} ({options.RevocationLifetime}) must be between {MinRevocation} and {MaxRevocation}.");
        if (options.MaxTokenBytes is < 1 << 10 or > 32 << 10)
            failures.Add($"{Path(nameof(options.MaxTokenBytes))} ({options.MaxTokenBytes}) must be between {1 << 10} and {32 << 10}.");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }

    private static void CheckAlgorithms(TokenOptions options, List<string> failures)
    {
        for (var i = 0; i < options.Algorithms.Length; i++)
        {
            if (!TokenAlgorithm.Known.Contains(options.Algorithms[i], StringComparer.Ordinal))
                failures.Add($"{Path(nameof(options.Algorithms))}:{i} ('{options.Algorithms[i]}') must be one of {string.Join(", ", TokenAlgorithm.Known)}.");
        }
    }

    private static void CheckSecrets(TokenOptions options, List<string> failures, HashSet<string> verifiable)
    {
        for (var i = 0; i < options.HmacKeys.Length; i++)
        {
            if (!ConfiguredKeys.TryReadSecret(options.HmacKeys[i], out _, out var problem))
                failures.Add($"{Path(nameof(options.HmacKeys))}:{i} {problem}");
            else if (verifiable.Add(TokenAlgorithm.Hmac))
                RequireAlgorithm(options, TokenAlgorithm.Hmac, Path(nameof(options.HmacKeys)), failures);
        }
    }

    private static void CheckFiles(TokenOptions options, List<string> failures, HashSet<string> verifiable)
    {
        for (var i = 0; i < options.PublicKeyFiles.Length; i++)
        {
            var path = $"{Path(nameof(options.PublicKeyFiles))}:{i} ('{options.PublicKeyFiles[i]}')";
            var keys = ConfiguredKeys.ReadFile(options.PublicKeyFiles[i], out var problem);
            if (problem is not null)
                failures.Add($"{path} {problem}");
            foreach (var algorithm in keys.Select(key => key.Algorithm).Distinct())
            {
                verifiable.Add(algorithm);
                RequireAlgorithm(options, algorithm, path, failures);
            }
        }
    }

    private static void CheckJwks(TokenOptions options, List<string> failures, HashSet<string> verifiable)
    {
        if (options.JwksUrl.Length == 0 && options.JwksFile.Length == 0)
            return;
        var path = Path(options.JwksUrl.Length > 0 ? nameof(options.JwksUrl) : nameof(options.JwksFile));
        if (options.JwksUrl.Length > 0 && options.JwksFile.Length > 0)
            failures.Add($"{Path(nameof(options.JwksUrl))} and {Path(nameof(options.JwksFile))} are both configured: use one of them.");
        if (options.Issuer.Length == 0)
            failures.Add($"{Path(nameof(options.Issuer))} is required with {path}: the keys are one issuer's.");
        if (!options.Algorithms.Any(algorithm => algorithm is TokenAlgorithm.Rsa or TokenAlgorithm.EllipticCurve))
            failures.Add($"{path} is configured, but {Path(nameof(options.Algorithms))} has neither {TokenAlgorithm.Rsa} nor {TokenAlgorithm.EllipticCurve}.");
        if (options.JwksUrl.Length > 0 && FindUrlProblem(options.JwksUrl) is { } problem)
            failures.Add($"{Path(nameof(options.JwksUrl))} {problem}");
        if (options.JwksFile.Length > 0)
            CheckJwksFile(options, failures, verifiable);
        else
            verifiable.UnionWith([TokenAlgorithm.Rsa, TokenAlgorithm.EllipticCurve]); // known when it has been read
    }

    private static void CheckJwksFile(TokenOptions options, List<string> failures, HashSet<string> verifiable)
    {
        var path = $"{Path(nameof(options.JwksFile))} ('{options.JwksFile}')";
        try
        {
            if (new FileInfo(options.JwksFile) is { Exists: true, Length: > Jwks.MaxBytes })
                failures.Add($"{path} is larger than 1 MiB.");
            else if (Jwks.TryRead(File.ReadAllBytes(options.JwksFile), out var set, out var problem))
                verifiable.UnionWith(TokenAlgorithm.Known.Where(set.Has));
            else
                failures.Add($"{path} {problem}");
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            failures.Add($"{path} cannot be read.");
        }
    }

    // It is not repeated: what stands behind '@' or '?' may be a secret.
    private static string? FindUrlProblem(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            return "must be an absolute https address.";
        if (url.UserInfo.Length > 0)
            return "must not carry a user name or password.";
        return url.Scheme == Uri.UriSchemeHttps || url.IsLoopback ? null : "must be https: whoever can change what it answers can sign tokens (http is for loopback only).";
    }

    private static void RequireAlgorithm(TokenOptions options, string algorithm, string path, List<string> failures)
    {
        if (!options.Algorithms.Contains(algorithm, StringComparer.Ordinal))
            failures.Add($"{path} is configured, but {Path(nameof(options.Algorithms))} does not have {algorithm}.");
    }

    private static void CheckEveryAlgorithmHasKeys(TokenOptions options, List<string> failures, HashSet<string> verifiable)
    {
        foreach (var algorithm in options.Algorithms.Where(algorithm => !verifiable.Contains(algorithm)).Distinct())
        {
            failures.Add(algorithm == TokenAlgorithm.Hmac
                ? $"{Path(nameof(options.Algorithms))} has {algorithm}, but {Path(nameof(options.HmacKeys))} has no key for it."
                : $"{Path(nameof(options.Algorithms))} has {algorithm}, but neither {Path(nameof(options.PublicKeyFiles))} nor a JWKS has a key for it.");
        }
    }

    private static string Path(string setting) => $"{TokenOptions.Section}:{setting}";
}
