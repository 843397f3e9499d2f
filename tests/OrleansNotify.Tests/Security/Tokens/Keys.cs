using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OrleansNotify.AspNetCore.Security.Tokens;
using static System.Buffers.Text.Base64Url;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>Keys of the tests, and tokens written by hand: no library stands between a test and what it presents.</summary>
internal static class Keys
{
    /// <summary>A secret of 32 bytes.</summary>
    public static readonly byte[] Secret = [.. Enumerable.Range(1, 32).Select(i => (byte)(i * 7))];

    public static readonly RSA Rsa = RSA.Create(2048);

    public static readonly RSA OtherRsa = RSA.Create(2048);

    public static readonly ECDsa Curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    /// <summary>Writes a token.</summary>
    public static string Token(string header, string claims, Func<byte[], byte[]> sign)
    {
        var signed = $"{EncodeToString(Encoding.UTF8.GetBytes(header))}.{EncodeToString(Encoding.UTF8.GetBytes(claims))}";
        return $"{signed}.{EncodeToString(sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    public static string Hs256(string claims, byte[]? secret = null, string header = """{"alg":"HS256"}""") =>
        Token(header, claims, bytes => HMACSHA256.HashData(secret ?? Secret, bytes));

    public static string Rs256(string claims, RSA? key = null, string? kid = null) =>
        Token(Header("RS256", kid), claims, bytes => (key ?? Rsa).SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    public static string Es256(string claims, ECDsa? key = null, string? kid = null) =>
        Token(Header("ES256", kid), claims, bytes => (key ?? Curve).SignData(bytes, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));

    /// <summary>A public key as a JWK.</summary>
    public static string Jwk(RSA key, string? kid, string more = "")
    {
        var parameters = key.ExportParameters(includePrivateParameters: false);
        return $$"""{"kty":"RSA",{{Kid(kid)}}"n":"{{EncodeToString(parameters.Modulus)}}","e":"{{EncodeToString(parameters.Exponent)}}"{{more}}}""";
    }

    /// <summary>A public key as a JWK.</summary>
    public static string Jwk(ECDsa key, string? kid, string more = "")
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        return $$"""{"kty":"EC",{{Kid(kid)}}"crv":"P-256","x":"{{EncodeToString(point.X)}}","y":"{{EncodeToString(point.Y)}}"{{more}}}""";
    }

    /// <summary>A key set.</summary>
    public static string Jwks(params string[] keys) => $$"""{"keys":[{{string.Join(",", keys)}}]}""";

    /// <summary>Nothing is revoked.</summary>
    public static RevokedTokens Nothing()
    {
        var revoked = new RevokedTokens();
        revoked.Take([], DateTimeOffset.UnixEpoch);
        return revoked;
    }

    /// <summary>Good claims of a connection token with some changed; null removes one.</summary>
    public static string Claims(params (string Name, JsonNode? Value)[] changes)
    {
        var claims = new JsonObject { ["sub"] = "alice", ["exp"] = Noon + 3_600, ["iss"] = "https://issuer.example", ["aud"] = "notify" };
        foreach (var (name, value) in changes)
        {
            claims.Remove(name);
            if (value is not null)
                claims[name] = value;
        }
        return claims.ToJsonString(JsonSerializerOptions.Default);
    }

    /// <summary>When it is, in seconds since 1970.</summary>
    public const long Noon = 1_800_000_000;

    private static string Header(string algorithm, string? kid) => $$"""{ {{Kid(kid)}}"alg":"{{algorithm}}" }""";

    private static string Kid(string? kid) => kid is null ? "" : $"\"kid\":\"{kid}\",";
}
