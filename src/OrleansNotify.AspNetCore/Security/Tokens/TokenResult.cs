using System.Diagnostics.CodeAnalysis;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>Why a token is refused.</summary>
internal enum TokenRefusalReason
{
    /// <summary>It is no signed JWT in compact form, or a name stands twice in one of its objects.</summary>
    Malformed = 0,

    /// <summary>Longer than <see cref="TokenOptions.MaxTokenBytes"/>.</summary>
    TooLarge = 1,

    /// <summary>It names a key nobody here knows, or names none where it has to.</summary>
    UnknownKey = 2,

    /// <summary>The signature is not of a key we know.</summary>
    BadSignature = 3,

    /// <summary>Signed in a way that is not in <see cref="TokenOptions.Algorithms"/>, or not at all.</summary>
    Algorithm = 4,

    /// <summary>Its <c>exp</c> has passed, clock skew included.</summary>
    Expired = 5,

    /// <summary>Its <c>nbf</c> is to come, clock skew included.</summary>
    NotYetValid = 6,

    /// <summary>It is meant for somebody else.</summary>
    WrongAudience = 7,

    /// <summary>It is from somebody else.</summary>
    WrongIssuer = 8,

    /// <summary>A subscription token of another user than the connection's.</summary>
    WrongUser = 9,

    /// <summary>A subscription token for another channel.</summary>
    WrongChannel = 10,

    /// <summary>A claim is missing, of the wrong shape, or belongs to the other kind of token.</summary>
    BadClaim = 11,

    /// <summary>The issuer's keys cannot be had now; the same token may be good later.</summary>
    KeysUnavailable = 12,

    /// <summary>It, or all that its user was given until some moment, was revoked.</summary>
    Revoked = 13,
}

/// <summary>A token is refused.</summary>
/// <param name="Reason">Why.</param>
/// <param name="Sentence">For the client: what is wrong. Made of our own words only; nothing of the token or of a key is in it.</param>
internal sealed record TokenRefusal(TokenRefusalReason Reason, string Sentence)
{
    /// <summary>The code of the <c>error</c> reply: 109 expired, 100 (temporary) when keys cannot be had, else 101.</summary>
    public NotifyError Code => Reason switch
    {
        TokenRefusalReason.Expired => NotifyError.TokenExpired,
        TokenRefusalReason.KeysUnavailable => NotifyError.Internal,
        _ => NotifyError.Unauthorized,
    };
}

/// <summary>What a token says, or why it is refused: one of both.</summary>
/// <typeparam name="T"><see cref="ConnectionToken"/> or <see cref="SubscriptionToken"/>.</typeparam>
internal readonly record struct TokenResult<T>
    where T : class
{
    private TokenResult(T? token, TokenRefusal? refusal) => (Token, Refusal) = (token, refusal);

    /// <summary>What it says; null: refused.</summary>
    public T? Token { get; }

    /// <summary>Why it is refused; null: it is not.</summary>
    public TokenRefusal? Refusal { get; }

    /// <summary>Whether it is good.</summary>
    [MemberNotNullWhen(true, nameof(Token))]
    [MemberNotNullWhen(false, nameof(Refusal))]
    public bool IsGood => Token is not null;

    /// <summary>A good one.</summary>
    public static implicit operator TokenResult<T>(T token) => new(token, null);

    /// <summary>A refused one.</summary>
    public static implicit operator TokenResult<T>(TokenRefusal refusal) => new(null, refusal);
}
