namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>Names of the signatures we know (RFC 7518 3.1).</summary>
internal static class TokenAlgorithm
{
    public const string Hmac = "HS256";
    public const string Rsa = "RS256";
    public const string EllipticCurve = "ES256";

    /// <summary>All of them.</summary>
    public static readonly string[] Known = [Hmac, Rsa, EllipticCurve];
}
