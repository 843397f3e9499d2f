using System.Buffers;
using System.Globalization;
using System.Text;

namespace OrleansNotify.Protocol.Json;

/// <summary>Writes JSON text into a span that the caller has made large enough. Escapes what RFC 8259 7 demands and nothing else.</summary>
internal ref struct JsonText(Span<byte> target)
{
    /// <summary>Longest number written.</summary>
    public const int MaxNumber = 20;

    /// <summary>A timestamp with its quotes.</summary>
    public const int TimestampLength = 26;

    // '"', '\' and the control characters.
    private static readonly SearchValues<char> Escaped = SearchValues.Create(
        "\"\\" + string.Concat(Enumerable.Range(0, 0x20).Select(code => (char)code)));

    private static readonly SearchValues<char> Ascii = SearchValues.Create(string.Concat(Enumerable.Range(0, 0x80).Select(code => (char)code)));

    private readonly Span<byte> _target = target;
    private int _length;

    /// <summary>Bytes written.</summary>
    public readonly int Length => _length;

    /// <summary>Most bytes that a string takes, quotes included.</summary>
    public static int MaxBytes(string text) =>
        text.AsSpan().ContainsAny(Escaped) ? (text.Length * 6) + 2 : (text.AsSpan().ContainsAnyExcept(Ascii) ? text.Length * 3 : text.Length) + 2;

    /// <summary>Bytes as they are.</summary>
    public void Raw(scoped ReadOnlySpan<byte> json)
    {
        json.CopyTo(_target[_length..]);
        _length += json.Length;
    }

    /// <summary>A string with its quotes. Half a surrogate pair becomes U+FFFD.</summary>
    public void String(string text)
    {
        _target[_length++] = (byte)'"';
        var rest = text.AsSpan();
        while (true)
        {
            var plain = rest.IndexOfAny(Escaped);
            _length += Encoding.UTF8.GetBytes(plain < 0 ? rest : rest[..plain], _target[_length..]);
            if (plain < 0)
                break;
            Escape(rest[plain]);
            rest = rest[(plain + 1)..];
        }
        _target[_length++] = (byte)'"';
    }

    /// <summary>A whole number.</summary>
    public void Number(ulong value)
    {
        value.TryFormat(_target[_length..], out var written, provider: CultureInfo.InvariantCulture);
        _length += written;
    }

    /// <summary>true or false.</summary>
    public void Bool(bool value) => Raw(value ? "true"u8 : "false"u8);

    /// <summary>An epoch with its quotes.</summary>
    public void Epoch(ChannelEpoch epoch)
    {
        _target[_length++] = (byte)'"';
        epoch.TryFormat(_target[_length..], out var written);
        _length += written;
        _target[_length++] = (byte)'"';
    }

    /// <summary>RFC 3339, UTC, milliseconds (cut off, not rounded), with quotes.</summary>
    public void Timestamp(DateTimeOffset time)
    {
        const int UpToMilliseconds = 23; // of "2024-01-15T10:30:00.1230000Z", the round-trip form: the only one that is written without a parsed pattern
        var at = _target[_length..];
        at[0] = (byte)'"';
        time.UtcDateTime.TryFormat(at[1..], out _, "O", CultureInfo.InvariantCulture);
        at[UpToMilliseconds + 1] = (byte)'Z';
        at[UpToMilliseconds + 2] = (byte)'"';
        _length += TimestampLength;
    }

    private void Escape(char character)
    {
        _target[_length++] = (byte)'\\';
        var letter = character switch { '"' => '"', '\\' => '\\', '\n' => 'n', '\r' => 'r', '\t' => 't', _ => 'u' };
        _target[_length++] = (byte)letter;
        if (letter != 'u')
            return;
        ((int)character).TryFormat(_target[_length..], out var written, "x4", CultureInfo.InvariantCulture);
        _length += written;
    }
}
