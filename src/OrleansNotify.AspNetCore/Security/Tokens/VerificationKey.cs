using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>
/// A key together with the one signature it verifies. What it verifies follows from what it is, never from a token: a public key cannot become the secret
/// of HS256, which anybody could then sign.
/// </summary>
/// <param name="Algorithm">One of <see cref="TokenAlgorithm.Known"/>.</param>
/// <param name="KeyId">Its name in a JWKS; null: it has none.</param>
/// <param name="Key">For IdentityModel; safe to use from several threads.</param>
internal sealed record VerificationKey(string Algorithm, string? KeyId, SecurityKey Key)
{
    /// <summary>Least size of a secret: as long as the hash (RFC 7518 3.2).</summary>
    public const int MinHmacBytes = 32;

    /// <summary>Least size of an RSA key (RFC 7518 3.3).</summary>
    public const int MinRsaBits = 2048;

    private const string P256 = "1.2.840.10045.3.1.7";

    /// <summary>A secret.</summary>
    public static VerificationKey OfHmac(byte[] secret) => new(TokenAlgorithm.Hmac, null, new SymmetricSecurityKey(secret));

    /// <summary>The public half of an RSA key, or null when it is too short.</summary>
    /// <exception cref="CryptographicException">It is no RSA key.</exception>
    public static VerificationKey? OfRsa(RSAParameters key, string? keyId)
    {
        var publicHalf = new RSAParameters { Modulus = key.Modulus, Exponent = key.Exponent };
        using var rsa = RSA.Create(publicHalf);
        return rsa.KeySize < MinRsaBits ? null : new(TokenAlgorithm.Rsa, keyId, new RsaSecurityKey(publicHalf));
    }

    /// <summary>The public half of a P-256 key, or null when it is of another curve.</summary>
    /// <exception cref="CryptographicException">It is no point of its curve.</exception>
    public static VerificationKey? OfEllipticCurve(ECParameters key, string? keyId)
    {
        if (key.Curve.Oid.Value != P256 && key.Curve.Oid.FriendlyName != ECCurve.NamedCurves.nistP256.Oid.FriendlyName)
            return null;
        using var checks = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = key.Q });
        // As a JsonWebKey, of which IdentityModel makes an ECDsa for each thread: one ECDsa is for one thread at a time.
        return new(TokenAlgorithm.EllipticCurve, keyId, new JsonWebKey
        {
            Kty = JsonWebAlgorithmsKeyTypes.EllipticCurve,
            Crv = JsonWebKeyECTypes.P256,
            X = Base64Url.EncodeToString(key.Q.X),
            Y = Base64Url.EncodeToString(key.Q.Y),
        });
    }
}
