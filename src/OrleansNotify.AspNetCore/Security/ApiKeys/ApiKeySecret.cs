using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace OrleansNotify.AspNetCore.Security.ApiKeys;

/// <summary>The secret itself and its hash.</summary>
internal static class ApiKeySecret
{
    /// <summary>What a key begins with, so that people and scanners know one when they see it.</summary>
    public const string Prefix = "onk_";

    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdefABCDEF");

    /// <summary>Makes one: 256 random bits in base64url behind <see cref="Prefix"/>.</summary>
    public static string New() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    /// <summary>The hash that is configured.</summary>
    public static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>Reads a configured hash: 64 hex digits, or 44 characters of base64.</summary>
    /// <returns>Its 32 bytes, or null.</returns>
    public static byte[]? ReadHash(string? text)
    {
        if (text is { Length: 2 * SHA256.HashSizeInBytes } && !text.AsSpan().ContainsAnyExcept(Hex))
            return Convert.FromHexString(text);
        var hash = new byte[SHA256.HashSizeInBytes];
        return text is { Length: 44 } && Convert.TryFromBase64String(text, hash, out var written) && written == hash.Length ? hash : null;
    }
}
