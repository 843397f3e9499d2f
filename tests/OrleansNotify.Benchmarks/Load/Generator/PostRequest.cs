using System.Globalization;
using System.Text;

namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>The bytes of a POST, made once; of each publication only the channel's and its own number are written into it.</summary>
internal sealed class PostRequest
{
    /// <summary>Of a publication's payload: its number in a message, between marks.</summary>
    public const int TokenLength = 11;

    private const int NumberLength = 8; // hexadecimal digits
    private const string Mark = "~T";

    private readonly byte[] _bytes;
    private readonly int[] _channels;
    private readonly int[] _tokens;

    public PostRequest(int port, string channelPrefix, int batch, int payloadBytes = 200)
    {
        var item = $$$"""{"channel":"{{{NameOf(channelPrefix, 0)}}}","data":{"m":"{{{Mark}}}00000000~{{{new string('x', payloadBytes - TokenLength)}}}"}}""";
        var body = batch == 1 ? item : $"[{string.Join(',', Enumerable.Repeat(item, batch))}]";
        var head = $"POST /api/events{(batch == 1 ? "" : "/batch")} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n";
        _bytes = Encoding.ASCII.GetBytes(head + body);
        var first = head.Length + (batch == 1 ? 0 : 1);
        var channel = item.IndexOf(channelPrefix, StringComparison.Ordinal) + channelPrefix.Length;
        var token = item.IndexOf(Mark, StringComparison.Ordinal) + Mark.Length;
        _channels = [.. Enumerable.Range(0, batch).Select(i => first + i * (item.Length + 1) + channel)];
        _tokens = [.. Enumerable.Range(0, batch).Select(i => first + i * (item.Length + 1) + token)];
    }

    /// <summary>The whole request.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>A channel's name: as long as every other.</summary>
    public static string NameOf(string prefix, int channel) => prefix + channel.ToString("x8", CultureInfo.InvariantCulture);

    /// <summary>Writes an item's numbers.</summary>
    public void Set(int item, int channel, uint publication)
    {
        Write(_bytes.AsSpan(_channels[item], NumberLength), (uint)channel);
        Write(_bytes.AsSpan(_tokens[item], NumberLength), publication);
    }

    /// <summary>Finds the next publication's number in what a subscriber got.</summary>
    /// <param name="rest">Goes on behind it.</param>
    /// <param name="publication">Its number.</param>
    public static bool TryFind(ref ReadOnlySpan<byte> rest, out uint publication)
    {
        publication = 0;
        while (rest.IndexOf((byte)'~') is var at and >= 0 && rest.Length - at >= TokenLength)
        {
            rest = rest[at..];
            if (rest[1] == 'T' && rest[TokenLength - 1] == '~' && TryRead(rest.Slice(Mark.Length, NumberLength), out publication))
            {
                rest = rest[TokenLength..];
                return true;
            }
            rest = rest[1..];
        }
        return false;
    }

    private static void Write(Span<byte> digits, uint value)
    {
        for (var i = digits.Length - 1; i >= 0; i--, value >>= 4)
            digits[i] = "0123456789abcdef"u8[(int)(value & 15)];
    }

    private static bool TryRead(ReadOnlySpan<byte> digits, out uint value)
    {
        value = 0;
        foreach (var digit in digits)
        {
            var nibble = digit switch { >= (byte)'0' and <= (byte)'9' => digit - '0', >= (byte)'a' and <= (byte)'f' => digit - 'a' + 10, _ => -1 };
            if (nibble < 0)
                return false;
            value = value << 4 | (uint)nibble;
        }
        return true;
    }
}
