using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>A JSON Web Key Set (RFC 7517), of which only what may verify a signature is kept: RSA keys for RS256 and P-256 keys for ES256. Secrets in it (<c>oct</c>) never count.</summary>
internal sealed class Jwks
{
    /// <summary>Largest set, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>Most keys of a set.</summary>
    public const int MaxKeys = 100;

    private readonly ILookup<(string, string?), VerificationKey> _named;
    private readonly ILookup<string, VerificationKey> _all;

    private Jwks(IReadOnlyCollection<VerificationKey> keys)
    {
        Count = keys.Count;
        _named = keys.ToLookup(key => (key.Algorithm, key.KeyId));
        _all = keys.ToLookup(key => key.Algorithm);
    }

    /// <summary>Usable keys.</summary>
    public int Count { get; }

    /// <summary>The keys a token may be signed with.</summary>
    /// <param name="algorithm">Its <c>alg</c>.</param>
    /// <param name="keyId">Its <c>kid</c>; null: it names none, which does only where there is one key of its kind.</param>
    public IReadOnlyList<VerificationKey> Find(string algorithm, string? keyId)
    {
        if (keyId is not null)
            return [.. _named[(algorithm, keyId)]];
        return _all[algorithm].Take(2).ToArray() is [var only] ? [only] : [];
    }

    /// <summary>Whether there is a key for it.</summary>
    public bool Has(string algorithm) => _all.Contains(algorithm);

    /// <summary>Reads a set.</summary>
    /// <param name="utf8">The set.</param>
    /// <param name="set">The set, with at least one usable key, or null.</param>
    /// <param name="problem">Null, or a sentence without subject.</param>
    public static bool TryRead(ReadOnlySpan<byte> utf8, [NotNullWhen(true)] out Jwks? set, [NotNullWhen(false)] out string? problem)
    {
        set = null;
        problem = FindProblem(utf8, out var keys);
        if (problem is null)
            set = new(keys);
        return problem is null;
    }

    private static string? FindProblem(ReadOnlySpan<byte> utf8, out List<VerificationKey> usable)
    {
        usable = [];
        if (utf8.Length > MaxBytes)
            return "is larger than 1 MiB.";
        IList<JsonWebKey> keys;
        try
        {
            keys = new JsonWebKeySet(Encoding.UTF8.GetString(utf8)).Keys;
        }
        catch (ArgumentException)
        {
            return "is no JSON Web Key Set.";
        }
        if (keys.Count > MaxKeys)
            return $"has {keys.Count} keys; it may have {MaxKeys}.";
        foreach (var key in keys)
        {
            if (Usable(key) is { } verifies)
                usable.Add(verifies);
        }
        return usable.Count == 0 ? $"has no key that verifies {TokenAlgorithm.Rsa} (RSA, {VerificationKey.MinRsaBits} bits or more) or {TokenAlgorithm.EllipticCurve} (P-256)." : null;
    }

    private static VerificationKey? Usable(JsonWebKey key)
    {
        if (!string.IsNullOrEmpty(key.Use) && key.Use != JsonWebKeyUseNames.Sig)
            return null;
        if (key.KeyOps is { Count: > 0 } operations && !operations.Contains("verify"))
            return null;
        try
        {
            var verifies = key.Kty switch
            {
                JsonWebAlgorithmsKeyTypes.RSA => VerificationKey.OfRsa(new() { Modulus = Bytes(key.N), Exponent = Bytes(key.E) }, Name(key)),
                JsonWebAlgorithmsKeyTypes.EllipticCurve when key.Crv == JsonWebKeyECTypes.P256 => VerificationKey.OfEllipticCurve(
                    new() { Curve = ECCurve.NamedCurves.nistP256, Q = new() { X = Bytes(key.X), Y = Bytes(key.Y) } }, Name(key)),
                _ => null,
            };
            return string.IsNullOrEmpty(key.Alg) || key.Alg == verifies?.Algorithm ? verifies : null;
        }
        catch (Exception malformed) when (malformed is CryptographicException or FormatException or ArgumentException)
        {
            return null; // as good as not there
        }
    }

    private static string? Name(JsonWebKey key) => string.IsNullOrEmpty(key.KeyId) ? null : key.KeyId;

    private static byte[] Bytes(string? text) => Base64Url.DecodeFromChars(text);
}
