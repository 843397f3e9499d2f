using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using OrleansNotify.AspNetCore.Telemetry;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>
/// Says whether a token is good. IdentityModel checks the signature, with the keys we choose for the token's algorithm; what the claims mean is
/// checked here, so that every refusal has one reason and the clock is ours.
/// </summary>
internal sealed class TokenVerifier
{
    private readonly JsonWebTokenHandler _handler = new();
    private readonly TokenOptions _options;
    private readonly ILookup<string, VerificationKey> _configured;
    private readonly JwksCache _published;
    private readonly RevokedTokens _revoked;
    private readonly TimeProvider _time;
    private readonly NotifyMetrics _metrics;

    /// <summary>With checked options.</summary>
    public TokenVerifier(IOptions<TokenOptions> options, JwksCache published, RevokedTokens revoked, TimeProvider time, NotifyMetrics metrics)
    {
        _options = options.Value;
        _configured = ConfiguredKeys.Of(_options).ToLookup(key => key.Algorithm);
        _published = published;
        _revoked = revoked;
        _time = time;
        _metrics = metrics;
    }

    /// <summary>Whether tokens are configured. If not, every token is refused.</summary>
    public bool IsOn => _options.Algorithms.Length > 0;

    /// <summary>How much longer than its <c>exp</c> a token is valid.</summary>
    public TimeSpan ClockSkew => _options.ClockSkew;

    /// <summary>How long a revocation is kept when nothing is said.</summary>
    public TimeSpan RevocationLifetime => _options.RevocationLifetime;

    /// <summary>Verifies a token somebody connects with.</summary>
    /// <param name="token">As the client gave it.</param>
    /// <param name="cancellationToken">Ends the wait for the issuer's keys.</param>
    public async ValueTask<TokenResult<ConnectionToken>> VerifyConnection(string token, CancellationToken cancellationToken) =>
        Counted(await Verify(token, ConnectionToken.Read, cancellationToken));

    /// <summary>Verifies a token for a subscription.</summary>
    /// <param name="token">As the client gave it.</param>
    /// <param name="user">The connection's user; null: it has none, and no token fits.</param>
    /// <param name="channel">The channel to be subscribed to.</param>
    /// <param name="cancellationToken">Ends the wait for the issuer's keys.</param>
    public async ValueTask<TokenResult<SubscriptionToken>> VerifySubscription(string token, string? user, string channel, CancellationToken cancellationToken)
    {
        var result = await Verify(token, SubscriptionToken.Read, cancellationToken);
        if (result.IsGood && result.Token.User != user)
            result = new TokenRefusal(TokenRefusalReason.WrongUser, "The token is another user's (\"sub\").");
        else if (result.IsGood && result.Token.Channel != channel)
            result = new TokenRefusal(TokenRefusalReason.WrongChannel, "The token is for another channel (\"channel\").");
        return Counted(result);
    }

    private TokenResult<T> Counted<T>(TokenResult<T> result)
        where T : class
    {
        if (!result.IsGood)
            _metrics.TokenRefused(result.Refusal.Reason);
        return result;
    }

    private async ValueTask<TokenResult<T>> Verify<T>(string token, Func<ClaimReader, T> read, CancellationToken cancellationToken)
        where T : class
    {
        if (!TokenText.TryRead(token, _options.MaxTokenBytes, out var text, out var malformed))
            return malformed;
        using (text)
        {
            if (text.Algorithm is not { } algorithm || !_options.Algorithms.Contains(algorithm, StringComparer.Ordinal))
            {
                return new TokenRefusal(
                    TokenRefusalReason.Algorithm,
                    IsOn ? $"The token's algorithm is not accepted here; sign with {string.Join(" or ", _options.Algorithms)}." : "This server takes no tokens.");
            }
            var claims = new ClaimReader(text.Claims);
            var said = read(claims);
            var envelope = Envelope.Read(claims);
            // Whose it is comes before the keys: nobody else's token makes us ask the issuer for keys.
            if ((claims.Problem ?? CheckParties(envelope)) is { } early)
                return early;
            if ((await CheckSignature(token, algorithm, text.KeyId, cancellationToken) ?? CheckTime(envelope) ?? CheckRevoked(envelope)) is { } late)
                return late;
            return said;
        }
    }

    private TokenRefusal? CheckParties(Envelope envelope)
    {
        if (_options.Issuer.Length > 0 && envelope.Issuer != _options.Issuer)
            return new(TokenRefusalReason.WrongIssuer, "The token is from another issuer (\"iss\") than this server trusts.");
        if (_options.Audience.Length > 0 && !envelope.Audiences.Contains(_options.Audience, StringComparer.Ordinal))
            return new(TokenRefusalReason.WrongAudience, "The token is not meant for this server (\"aud\").");
        return null;
    }

    private TokenRefusal? CheckTime(Envelope envelope)
    {
        var now = _time.GetUtcNow();
        if (now - _options.ClockSkew >= envelope.Expires)
            return new(TokenRefusalReason.Expired, "The token has expired; get a new one.");
        if (envelope.NotBefore is { } begins && now + _options.ClockSkew < begins)
            return new(TokenRefusalReason.NotYetValid, "The token is not valid yet (\"nbf\").");
        return null;
    }

    private TokenRefusal? CheckRevoked(Envelope envelope)
    {
        if (!_revoked.AreKnown)
            return new(TokenRefusalReason.KeysUnavailable, "Which tokens are revoked is not known at the moment; try again later.");
        return _revoked.Cover(envelope.Id, envelope.User, envelope.Issued) ? new(TokenRefusalReason.Revoked, RevokedTokens.Sentence) : null;
    }

    // Keys that were given to us by hand come first: they cost no question to the issuer.
    private async ValueTask<TokenRefusal?> CheckSignature(string token, string algorithm, string? keyId, CancellationToken cancellationToken)
    {
        var configured = _configured[algorithm].ToList();
        if (configured.Count > 0 && await IsSignedBy(configured, token, algorithm))
            return null;
        if (algorithm == TokenAlgorithm.Hmac || !_published.IsOn)
            return new(TokenRefusalReason.BadSignature, "The token's signature is not valid.");
        var (published, available) = await _published.Find(algorithm, keyId, cancellationToken);
        if (published.Count > 0)
            return await IsSignedBy(published, token, algorithm) ? null : new(TokenRefusalReason.BadSignature, "The token's signature is not valid.");
        return available
            ? new(TokenRefusalReason.UnknownKey, "The token is signed with a key that is not among the issuer's (\"kid\").")
            : new(TokenRefusalReason.KeysUnavailable, "The issuer's keys cannot be had at the moment; try again later.");
    }

    private async ValueTask<bool> IsSignedBy(IReadOnlyList<VerificationKey> keys, string token, string algorithm)
    {
        var candidates = keys.Where(key => key.Algorithm == algorithm).Select(key => key.Key).ToList();
        // The claims are ours to check; what is left to IdentityModel is the signature.
        var checkedToken = await _handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            ValidAlgorithms = [algorithm],
            IssuerSigningKeyResolver = (_, _, _, _) => candidates,
            RequireSignedTokens = true,
            ValidateIssuer = false,
            ValidateAudience = false,
            ValidateLifetime = false,
            LogValidationExceptions = false,
        });
        return checkedToken.IsValid;
    }

    /// <summary>The claims that both kinds are checked by.</summary>
    private sealed record Envelope(
        string? Issuer, IReadOnlyList<string> Audiences, DateTimeOffset Expires, DateTimeOffset? NotBefore, string User, string? Id, DateTimeOffset? Issued)
    {
        public static Envelope Read(ClaimReader claims) =>
            new(claims.Text("iss"), claims.Audiences(), claims.Expires(), claims.Time("nbf"), claims.User(), claims.Text("jti"), claims.Time("iat"));
    }
}
