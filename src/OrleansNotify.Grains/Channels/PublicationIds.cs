using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace OrleansNotify.Grains.Channels;

/// <summary>
/// Makes the ids of one activation's publications: <c>evt_</c> and a UUID of version 7, rising with every call. <see cref="Guid.CreateVersion7()"/>
/// asks the system for random bytes every time; here they are drawn once and counted up, as RFC 9562 6.2 (method 2) allows.
/// </summary>
internal sealed class PublicationIds
{
    private long _milliseconds;
    private UInt128 _counter;

    /// <summary>Draws where to count from.</summary>
    public PublicationIds()
    {
        Span<ulong> random = stackalloc ulong[2];
        RandomNumberGenerator.Fill(MemoryMarshal.AsBytes(random));
        // 74 bits, the highest of them zero: counting never gets to the end.
        _counter = new UInt128(random[0] & 0x1FF, random[1]);
    }

    /// <summary>The next id.</summary>
    /// <param name="now">Its time; where the clock went back, the last one's is kept.</param>
    public string Next(DateTimeOffset now)
    {
        _milliseconds = Math.Max(_milliseconds, now.ToUnixTimeMilliseconds());
        _counter++;
        return string.Create(36, (_milliseconds, _counter), static (text, id) =>
        {
            // RFC 9562 5.7: 48 bits of time, version 7, 12 bits, variant 10, 62 bits.
            Span<byte> bytes = stackalloc byte[16];
            BinaryPrimitives.WriteUInt64BigEndian(bytes, ((ulong)id._milliseconds << 16) | 0x7000 | ((ulong)(id._counter >> 62) & 0xFFF));
            BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], 0x8000_0000_0000_0000 | ((ulong)id._counter & 0x3FFF_FFFF_FFFF_FFFF));
            "evt_".CopyTo(text);
            Convert.TryToHexStringLower(bytes, text[4..], out _);
        });
    }
}
