using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>The keys that stand in the configuration itself: secrets and PEM files. Problems are sentences without subject, and never show a key.</summary>
internal static class ConfiguredKeys
{
    private const int MaxFileBytes = 1 << 20;

    /// <summary>All of them; the options have been checked.</summary>
    public static IReadOnlyList<VerificationKey> Of(TokenOptions options)
    {
        var keys = new List<VerificationKey>();
        foreach (var secret in options.HmacKeys)
        {
            if (TryReadSecret(secret, out var bytes, out _))
                keys.Add(VerificationKey.OfHmac(bytes));
        }
        foreach (var file in options.PublicKeyFiles)
            keys.AddRange(ReadFile(file, out _));
        return keys;
    }

    /// <summary>Reads a secret: base64 or base64url, with or without its '='.</summary>
    public static bool TryReadSecret(string? text, [NotNullWhen(true)] out byte[]? secret, [NotNullWhen(false)] out string? problem)
    {
        secret = null;
        problem = "must be at least 32 random bytes in base64 or base64url, such as 'openssl rand -base64 32' prints.";
        var unpadded = (text ?? "").Replace('+', '-').Replace('/', '_').TrimEnd('=');
        if (unpadded.Length == 0 || !Base64Url.IsValid(unpadded, out var length))
            return false;
        if (length < VerificationKey.MinHmacBytes)
        {
            problem = $"is {length} bytes long; HS256 takes {VerificationKey.MinHmacBytes} or more, such as 'openssl rand -base64 32' prints.";
            return false;
        }
        var decoded = Base64Url.DecodeFromChars(unpadded);
        if (IsPublicKey(decoded))
        {
            problem = "is a public key: whoever knows it could sign tokens. Give public keys as PublicKeyFiles.";
            return false;
        }
        (secret, problem) = (decoded, null);
        return true;
    }

    /// <summary>Reads the public keys of a PEM file.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="problem">Null, or why it cannot be used; then there is no key.</param>
    public static IReadOnlyList<VerificationKey> ReadFile(string file, out string? problem)
    {
        var keys = new List<VerificationKey>();
        try
        {
            problem = new FileInfo(file) is { Exists: true, Length: > MaxFileBytes } ? "is larger than 1 MiB." : FindProblem(File.ReadAllText(file), keys);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            problem = "cannot be read.";
        }
        catch (CryptographicException)
        {
            problem = "holds a key that is malformed.";
        }
        return problem is null ? keys : [];
    }

    private static string? FindProblem(ReadOnlySpan<char> pem, List<VerificationKey> keys)
    {
        while (PemEncoding.TryFind(pem, out var fields))
        {
            var label = pem[fields.Label];
            if (label.EndsWith("PRIVATE KEY", StringComparison.Ordinal))
                return "holds a private key: the server needs the public one only (openssl pkey -pubout).";
            if (label is not ("PUBLIC KEY" or "RSA PUBLIC KEY"))
                return "holds something else than PUBLIC KEY or RSA PUBLIC KEY.";
            var key = label is "RSA PUBLIC KEY" || !TryImport(pem[fields.Location], out var curve)
                ? OfRsa(pem[fields.Location])
                : VerificationKey.OfEllipticCurve(curve, null);
            if (key is null)
                return $"holds a key that is neither RSA of {VerificationKey.MinRsaBits} bits or more nor elliptic curve P-256.";
            keys.Add(key);
            pem = pem[fields.Location.End..];
        }
        return keys.Count == 0 ? "holds no key in PEM (-----BEGIN PUBLIC KEY-----)." : null;
    }

    private static VerificationKey? OfRsa(ReadOnlySpan<char> pem)
    {
        using var rsa = RSA.Create();
        rsa.ImportFromPem(pem);
        return VerificationKey.OfRsa(rsa.ExportParameters(includePrivateParameters: false), null);
    }

    private static bool TryImport(ReadOnlySpan<char> pem, out ECParameters curve)
    {
        using var elliptic = ECDsa.Create();
        try
        {
            elliptic.ImportFromPem(pem);
            curve = elliptic.ExportParameters(includePrivateParameters: false);
            return true;
        }
        catch (CryptographicException)
        {
            curve = default; // RSA
            return false;
        }
    }

    private static bool IsPublicKey(byte[] bytes)
    {
        if (bytes.AsSpan().StartsWith("-----BEGIN"u8))
            return true;
        try
        {
            PublicKey.CreateFromSubjectPublicKeyInfo(bytes, out _);
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }
}
