using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>How a receiver knows that a request is ours, and no old one sent again: Standard Webhooks 1.0, symmetric (<c>v1</c>).</summary>
internal static class WebhookSignature
{
    /// <summary>A shorter secret than the hash itself could be found sooner than the hash be forged.</summary>
    public const int MinSecretBytes = HMACSHA256.HashSizeInBytes;

    // The convention's prefix, by which scanners find secrets in places they should not be in.
    private const string Prefix = "whsec_";

    /// <summary>Reads a secret: base64 or base64url, with or without its '=', and with or without <c>whsec_</c>.</summary>
    public static bool TryReadSecret(string text, [NotNullWhen(true)] out byte[]? secret)
    {
        var coded = text.StartsWith(Prefix, StringComparison.Ordinal) ? text[Prefix.Length..] : text;
        var unpadded = coded.Replace('+', '-').Replace('/', '_').TrimEnd('=');
        secret = Base64Url.IsValid(unpadded, out var length) && length >= MinSecretBytes ? Base64Url.DecodeFromChars(unpadded) : null;
        return secret is not null;
    }

    /// <summary>What <c>webhook-signature</c> says.</summary>
    /// <param name="secret">The hook's.</param>
    /// <param name="id"><c>webhook-id</c>.</param>
    /// <param name="timestamp"><c>webhook-timestamp</c>: of this try, in seconds since 1970.</param>
    /// <param name="body">As it is sent.</param>
    public static string Of(byte[] secret, string id, long timestamp, ReadOnlySpan<byte> body)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret);
        hmac.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.")));
        hmac.AppendData(body);
        return $"v1,{Convert.ToBase64String(hmac.GetHashAndReset())}";
    }
}
