using System.Text;
using System.Text.Json.Nodes;
using static OrleansNotify.Tests.Security.Tokens.Keys;

namespace OrleansNotify.Tests.Security.Tokens;

/// <summary>Every kind of token that lets nobody in, with the answer to each way of showing it; and the server they are shown to.</summary>
internal static class BadTokens
{
    private const string NotSigned = "The token's signature is not valid.";
    private const string NotListed = "The token's algorithm is not accepted here; sign with HS256 or RS256.";
    private const string Malformed = "The token is malformed: it must be a signed JWT, three parts in base64url joined by '.', whose first two are JSON objects without repeated names.";

    // Made of its claims but for what is added · close code of /ws · error in a frame · what is said (and with 401, by /sse).
    private static readonly Dictionary<string, BadToken> Table = new()
    {
        ["garbage"] = new(_ => "canary.canary.canary", 3500, 101, Malformed),
        ["expired"] = new(more => Good([("exp", In(-60)), .. more]), 3005, 109, "The token has expired; get a new one."),
        ["not yet valid"] = new(more => Good([("nbf", In(60)), .. more]), 3500, 101, "The token is not valid yet (\"nbf\")."),
        ["wrong audience"] = new(more => Good([("aud", "canary"), .. more]), 3500, 101, "The token is not meant for this server (\"aud\")."),
        ["wrong issuer"] = new(more => Good([("iss", "https://canary.example"), .. more]), 3500, 101, "The token is from another issuer (\"iss\") than this server trusts."),
        ["none"] = new(more => Token("""{"alg":"none"}""", Now(more), _ => []), 3500, 101, NotListed),
        ["HS256 with the RSA public key"] = new(more => Hs256(Now(more), Encoding.UTF8.GetBytes(Rsa.ExportSubjectPublicKeyInfoPem())), 3500, 101, NotSigned),
        ["HS256 with the RSA public key in DER"] = new(more => Hs256(Now(more), Rsa.ExportSubjectPublicKeyInfo()), 3500, 101, NotSigned),
        ["another secret"] = new(more => Hs256(Now(more), new byte[32]), 3500, 101, NotSigned),
        ["another RSA key"] = new(more => Rs256(Now(more), OtherRsa, kid: "k1"), 3500, 101, NotSigned),
        ["unknown kid"] = new(more => Rs256(Now(more), kid: "canary"), 3500, 101, "The token is signed with a key that is not among the issuer's (\"kid\")."),
        ["an algorithm that is not listed"] = new(more => Es256(Now(more)), 3500, 101, NotListed),
        ["no end"] = new(more => Good([("exp", null), .. more]), 3500, 101, "The token's claim \"exp\" is required."),
        ["no user"] = new(more => Good([("sub", null), .. more]), 3500, 101, "The token's claim \"sub\" must be a user id: 1 to 128 of A-Z a-z 0-9 _ . @ = + ~ : -."),
        ["too long"] = new(more => Good([("meta", new string('x', 9_000)), .. more]), 3500, 101, "The token is longer than 8192 bytes."),
        ["revoked"] = new(more => Good([("jti", "revoked"), .. more]), 3500, 101, "The token was revoked; get a new one."),
        ["an API key"] = new(_ => "onk_canary", 3500, 101, Malformed),
    };

    /// <summary>What they are called.</summary>
    public static IReadOnlyCollection<string> Names => Table.Keys;

    /// <summary>The token of this name.</summary>
    public static BadToken Of(string name) => Table[name];

    /// <summary>A server that takes HS256 with <see cref="Secret"/> and RS256 with the key k1 of a JWKS.</summary>
    /// <param name="jwksFile">Where to write that.</param>
    public static Dictionary<string, string?> Settings(string jwksFile)
    {
        File.WriteAllText(jwksFile, Jwks(Jwk(Rsa, "k1")));
        return new()
        {
            ["Notify:Tokens:Algorithms:0"] = "HS256",
            ["Notify:Tokens:Algorithms:1"] = "RS256",
            ["Notify:Tokens:HmacKeys:0"] = Convert.ToBase64String(Secret),
            ["Notify:Tokens:JwksFile"] = jwksFile,
            ["Notify:Tokens:Issuer"] = "https://issuer.example",
            ["Notify:Tokens:Audience"] = "notify",
        };
    }

    /// <summary>A good one of alice's with some claims changed; null removes one.</summary>
    public static string Good(params (string Name, JsonNode? Value)[] changes) => Hs256(Now(changes));

    /// <summary>Seconds since 1970.</summary>
    public static long In(int seconds) => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + seconds;

    private static string Now((string Name, JsonNode? Value)[] changes) => Claims([("exp", In(3_600)), .. changes]);
}

/// <summary>A kind of token that is refused.</summary>
/// <param name="Make">Makes one, with these claims added.</param>
/// <param name="Close">How <c>/ws</c> ends behind a handshake with it.</param>
/// <param name="Error">The code in a frame.</param>
/// <param name="Says">The sentence everywhere.</param>
internal sealed record BadToken(Func<(string Name, JsonNode? Value)[], string> Make, int Close, int Error, string Says);
