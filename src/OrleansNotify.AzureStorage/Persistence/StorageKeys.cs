using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace OrleansNotify.AzureStorage.Persistence;

/// <summary>
/// Row and blob names. A part keeps <c>[a-z0-9.-]</c>, every other byte of its UTF-8 becomes <c>_XX</c>; a part that would be too long becomes its beginning,
/// <c>__</c> (which escaping never yields) and its SHA-256. Parts are joined by <c>~</c>, which no part holds. So distinct identities have distinct names.
/// </summary>
internal static class StorageKeys
{
    // A key of 512 UTF-16 units (1 KiB) is the most Azurite and the table service both take; service, type and key share one.
    private const int MaxShortPart = 124;
    private const int MaxLongPart = 256;
    private const int HashLength = 2 + 2 * SHA256.HashSizeInBytes;
    private const char Between = '~';
    private const string BlobEnding = ".state"; // a blob's name must not end with a dot

    private static readonly SearchValues<byte> Kept = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.-"u8);

    /// <summary>Partition key and row key of a grain's state.</summary>
    public static (string Partition, string Row) Table(StorageKeyFormat format, string service, GrainId grain, string state) => format switch
    {
        StorageKeyFormat.Compatible => (Sanitized($"{service}_{grain}"), Sanitized(state)),
        _ => (Joined(service, grain), Part(Bytes(state), MaxLongPart)),
    };

    /// <summary>Name of the blob of a grain's state.</summary>
    public static string Blob(StorageKeyFormat format, string service, GrainId grain, string state) => format switch
    {
        StorageKeyFormat.Compatible => $"{state}-{grain}.json",
        _ => $"{Joined(service, grain)}{Between}{Part(Bytes(state), MaxLongPart)}{BlobEnding}",
    };

    /// <summary>One part of a name.</summary>
    /// <param name="bytes">Any.</param>
    /// <param name="most">Its longest form, in characters.</param>
    public static string Part(ReadOnlySpan<byte> bytes, int most)
    {
        var escaped = new StringBuilder(bytes.Length);
        foreach (var value in bytes)
        {
            if (escaped.Length > most)
                break; // hashed anyway
            if (Kept.Contains(value))
                escaped.Append((char)value);
            else
                escaped.Append('_').Append(Convert.ToHexString([value]));
        }

        if (escaped.Length <= most)
            return escaped.ToString();
        escaped.Length = most - HashLength;
        return escaped.Append("__").Append(Convert.ToHexStringLower(SHA256.HashData(bytes))).ToString();
    }

    /// <summary>UTF-8 in which half a surrogate pair stands for itself, not for the replacement character: two strings never share their bytes.</summary>
    public static byte[] Bytes(string text)
    {
        var bytes = new List<byte>(text.Length);
        Span<byte> buffer = stackalloc byte[4];
        for (var i = 0; i < text.Length;)
        {
            if (Rune.TryGetRuneAt(text, i, out var rune))
            {
                bytes.AddRange(buffer[..rune.EncodeToUtf8(buffer)]);
                i += rune.Utf16SequenceLength;
            }
            else
            {
                var half = text[i++];
                bytes.AddRange([(byte)(0xE0 | half >> 12), (byte)(0x80 | half >> 6 & 0x3F), (byte)(0x80 | half & 0x3F)]);
            }
        }

        return [.. bytes];
    }

    private static string Joined(string service, GrainId grain) =>
        $"{Part(Bytes(service), MaxShortPart)}{Between}{Part(grain.Type.AsSpan(), MaxShortPart)}{Between}{Part(grain.Key.AsSpan(), MaxLongPart)}";

    private static string Sanitized(string key)
    {
        const int Most = 1023;
        return key.Length <= Most
            ? key.Replace('/', '_').Replace('\\', '_').Replace('#', '_').Replace('?', '_')
            : throw new ArgumentException($"A key of {key.Length} characters is too long for KeyFormat Compatible, which allows {Most}: '{key[..40]}…'.", nameof(key));
    }
}
