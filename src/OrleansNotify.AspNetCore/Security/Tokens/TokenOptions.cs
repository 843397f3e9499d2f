namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>Whose tokens are believed. Bound from <c>Notify:Tokens</c>, checked at start; an unknown setting there ends the start too, so that none is misspelt unseen.</summary>
public sealed class TokenOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:Tokens";

    /// <summary>Signatures that are accepted, out of HS256, RS256 and ES256. Default none: tokens are off. <c>none</c> cannot be allowed.</summary>
    public string[] Algorithms { get; set; } = [];

    /// <summary>
    /// Secrets for HS256, each at least 32 bytes in base64 or base64url; any of them verifies, the first one signs (verb <c>token</c>). They verify nothing
    /// but HS256. Default none.
    /// </summary>
    public string[] HmacKeys { get; set; } = [];

    /// <summary>PEM files (<c>PUBLIC KEY</c>, <c>RSA PUBLIC KEY</c>), relative to the working directory: RSA keys of 2048 bits or more verify RS256, P-256 keys ES256, whatever key id a token names. Default none.</summary>
    public string[] PublicKeyFiles { get; set; } = [];

    /// <summary>Where the issuer publishes its keys (RFC 7517): https, or http on loopback; no redirect is followed. Default none. Not with <see cref="JwksFile"/>.</summary>
    public string JwksUrl { get; set; } = "";

    /// <summary>The same as a file, relative to the working directory. Default none. Not with <see cref="JwksUrl"/>.</summary>
    public string JwksFile { get; set; } = "";

    /// <summary>What <c>iss</c> must be, character by character. Default none: not checked; required with a JWKS, whose keys are one issuer's.</summary>
    public string Issuer { get; set; } = "";

    /// <summary>What <c>aud</c> must be or contain, character by character. Default none: not checked.</summary>
    public string Audience { get; set; } = "";

    /// <summary>How far the issuer's clock and ours may differ: so much longer is a token valid, and so much earlier. Default 30 s; 0 to 5 min.</summary>
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest token, in bytes. Default 8 KiB; 1 KiB to 32 KiB (what Kestrel takes as a request's head).</summary>
    public int MaxTokenBytes { get; set; } = 8 << 10;

    /// <summary>How long a revocation is kept for which no <c>expires</c> is given: no token should live longer. Default 30 days; 1 min to 3,650 days.</summary>
    public TimeSpan RevocationLifetime { get; set; } = TimeSpan.FromDays(30);
}
