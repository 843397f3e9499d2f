using System.Buffers;
using System.Globalization;
using System.Numerics;

namespace OrleansNotify.Protocol;

/// <summary>Names one unbroken run of offsets of a channel. Ordered: of two epochs of one channel the higher is the one to follow.</summary>
/// <param name="MembershipVersion">Version of the cluster's membership when the run began; 0 outside a cluster.</param>
/// <param name="StartedAt">When the run began: milliseconds since 1970-01-01 UTC, by the clock of the silo that began it.</param>
/// <param name="Random">Tells apart two runs begun in the same millisecond.</param>
public readonly record struct ChannelEpoch(long MembershipVersion, long StartedAt, ulong Random) : IComparable<ChannelEpoch>
{
    /// <summary>Longest form on the wire.</summary>
    public const int MaxLength = 50;

    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    /// <summary>Lower than every real epoch: "none seen yet".</summary>
    public static ChannelEpoch None => default;

    /// <summary>By membership version, then time, then the random part.</summary>
    public int CompareTo(ChannelEpoch other)
    {
        var order = MembershipVersion.CompareTo(other.MembershipVersion);
        if (order == 0)
            order = StartedAt.CompareTo(other.StartedAt);
        return order != 0 ? order : Random.CompareTo(other.Random);
    }

    /// <summary>Whether <paramref name="left"/> is the older epoch.</summary>
    public static bool operator <(ChannelEpoch left, ChannelEpoch right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> is the newer epoch.</summary>
    public static bool operator >(ChannelEpoch left, ChannelEpoch right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> is the older epoch or the same.</summary>
    public static bool operator <=(ChannelEpoch left, ChannelEpoch right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> is the newer epoch or the same.</summary>
    public static bool operator >=(ChannelEpoch left, ChannelEpoch right) => left.CompareTo(right) >= 0;

    /// <summary>The form on the wire: three lower-case hexadecimal numbers joined by '-', opaque to clients.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{MembershipVersion:x}-{StartedAt:x}-{Random:x}");

    /// <summary>Writes the form on the wire as UTF-8, without allocating; false when there is not enough room (<see cref="MaxLength"/> always is).</summary>
    public bool TryFormat(Span<byte> utf8, out int written)
    {
        written = 0;
        return TryAppend(utf8, (ulong)MembershipVersion, ref written) && TryDash(utf8, ref written)
            && TryAppend(utf8, (ulong)StartedAt, ref written) && TryDash(utf8, ref written)
            && TryAppend(utf8, Random, ref written);

        // By hand, since it is in every answer to a publisher: the platform's "x" goes the long way of any format.
        static bool TryAppend(Span<byte> utf8, ulong number, ref int written)
        {
            var digits = number == 0 ? 1 : (BitOperations.Log2(number) / 4) + 1;
            if (digits > utf8.Length - written)
                return false;
            for (var i = written + digits - 1; i >= written; i--, number >>= 4)
                utf8[i] = "0123456789abcdef"u8[(int)(number & 0xF)];
            written += digits;
            return true;
        }

        static bool TryDash(Span<byte> utf8, ref int written)
        {
            if (written == utf8.Length)
                return false;
            utf8[written++] = (byte)'-';
            return true;
        }
    }

    /// <summary>Reads what <see cref="ToString"/> wrote, of numbers that are not negative; false for anything else, other spellings of the same numbers included.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out ChannelEpoch epoch)
    {
        epoch = default;
        Span<Range> parts = stackalloc Range[4];
        if (text.Length > MaxLength || text.Split(parts, '-') != 3)
            return false;
        if (!TryHex(text[parts[0]], out var version) || !TryHex(text[parts[1]], out var started) || !TryHex(text[parts[2]], out var random)
            || version > long.MaxValue || started > long.MaxValue)
            return false;
        epoch = new ChannelEpoch((long)version, (long)started, random);
        return true;

        static bool TryHex(ReadOnlySpan<char> part, out ulong value)
        {
            value = 0;
            return (part.Length == 1 || (part.Length > 1 && part[0] != '0'))
                && !part.ContainsAnyExcept(Hex)
                && ulong.TryParse(part, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        }
    }
}
