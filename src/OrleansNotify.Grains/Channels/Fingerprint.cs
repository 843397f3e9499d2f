using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>Tells whether two drafts have the same content, without keeping it. The same on every silo, so that keys can move between them.</summary>
internal static class Fingerprint
{
    [ThreadStatic]
    private static IncrementalHash? _hash;

    /// <summary>128 bits of SHA-256 over payload, event name, tags and publisher; <see cref="PublicationDraft.Origin"/> is left out: a repeat may come over another connection.</summary>
    public static UInt128 Of(PublicationDraft draft)
    {
        var hash = _hash ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(draft.Data.Span);
        Append(0xFD, draft.Event);
        foreach (var tag in draft.Tags ?? [])
            Append(0xFE, tag);
        Append(0xFF, draft.Publisher);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt128BigEndian(digest);

        // The separators are bytes that UTF-8 never contains: no two drafts of different content give the same bytes.
        void Append(byte separator, string? text)
        {
            if (text is null)
                return;
            hash.AppendData([separator]);
            hash.AppendData(Encoding.UTF8.GetBytes(text));
        }
    }
}
