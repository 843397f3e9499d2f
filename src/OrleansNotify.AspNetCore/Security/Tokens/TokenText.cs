using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>
/// A token taken apart, nothing of it believed yet: three parts in base64url (RFC 7515 7.1), the first two JSON objects that pass the check every payload
/// passes. So what IdentityModel reads and what we read is the same: no name stands twice.
/// </summary>
internal sealed class TokenText : IDisposable
{
    private static readonly TokenRefusal Malformed = new(TokenRefusalReason.Malformed, "The token is malformed: it must be a signed JWT, three parts in base64url joined by '.', whose first two are JSON objects without repeated names.");

    private static readonly SearchValues<char> InToken = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    private readonly JsonDocument _header;
    private readonly JsonDocument _claims;

    private TokenText(JsonDocument header, JsonDocument claims)
    {
        _header = header;
        _claims = claims;
    }

    /// <summary>The header's <c>alg</c>; null: it has none.</summary>
    public string? Algorithm => OfHeader("alg");

    /// <summary>The header's <c>kid</c>; null: it has none.</summary>
    public string? KeyId => OfHeader("kid");

    /// <summary>The claims: a JSON object.</summary>
    public JsonElement Claims => _claims.RootElement;

    /// <summary>Takes a token apart.</summary>
    /// <param name="token">The token.</param>
    /// <param name="maxBytes">Longest.</param>
    /// <param name="text">Its parts, to be disposed, or null.</param>
    /// <param name="refusal">Null, or why not.</param>
    public static bool TryRead(string token, int maxBytes, [NotNullWhen(true)] out TokenText? text, [NotNullWhen(false)] out TokenRefusal? refusal)
    {
        text = null;
        if (token.Length > maxBytes)
        {
            refusal = new(TokenRefusalReason.TooLarge, $"The token is longer than {maxBytes} bytes.");
            return false;
        }
        refusal = Malformed;
        Span<Range> parts = stackalloc Range[4];
        if (token.AsSpan().ContainsAnyExcept(InToken) || token.AsSpan().Split(parts, '.') != 3)
            return false;
        if (!TryParse(token.AsSpan(parts[0]), out var header))
            return false;
        if (!TryParse(token.AsSpan(parts[1]), out var claims))
        {
            header.Dispose();
            return false;
        }
        var read = new TokenText(header, claims);
        // An extension we would have to understand (RFC 7515 4.1.11), or a name that is none.
        if (header.RootElement.TryGetProperty("crit", out _) || !read.IsText("alg") || !read.IsText("kid"))
        {
            read.Dispose();
            return false;
        }
        (text, refusal) = (read, null);
        return true;
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _header.Dispose();
        _claims.Dispose();
    }

    private static bool TryParse(ReadOnlySpan<char> part, [NotNullWhen(true)] out JsonDocument? json)
    {
        json = null;
        if (!Base64Url.IsValid(part, out var length))
            return false;
        var utf8 = new byte[length];
        if (!Base64Url.TryDecodeFromChars(part, utf8, out var written) || written != length)
            return false;
        if (!JsonPayload.TryCheck(utf8, out var shape, out _) || !shape.HasFlag(PayloadShape.Object))
            return false;
        json = JsonDocument.Parse(utf8);
        return true;
    }

    private bool IsText(string name) => !_header.RootElement.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.String;

    private string? OfHeader(string name) => _header.RootElement.TryGetProperty(name, out var value) ? value.GetString() : null;
}
