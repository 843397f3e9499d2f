using System.Text;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Makes bad input of good: bytes flipped, cut out, doubled, spliced, and the words that parsers stumble over put in. The same random numbers give the same input.</summary>
internal sealed class Mutator(Random random, IReadOnlyList<byte[]> seeds)
{
    private const int MaxBytes = 8 << 10;

    private static readonly byte[][] Words =
    [
        .. new[]
        {
            "{", "}", "[", "]", "\"", ",", ":", "\\", "null", "true", "1e999", "-1", "-0", "0.1", "18446744073709551616", "9223372036854775808", "1E-400", "\\u0000", "\\ud800", "\\udc00\\ud800", "\\x",
            "\"id\":", "\"type\":\"subscribe\",", "\"channel\":\"$x\",", "\"channel\":\"#bob\",", "\"channel\":\"@broadcast\",", "\"channel\":\"a.**\",", "\"channel\":\"**\",", "\"channel\":\"nowhere:x\",",
            "\"recover\":[],", "\"recover\":{\"epoch\":\"\",\"offset\":0},", "\"token\":\"a.b.c\",", "\"data\":", "\"tags\":[],", "\0", "\n", "\u2028", "\uFEFF", "é", "😀",
        }.Select(Encoding.UTF8.GetBytes),
        [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], // no UTF-8: RFC 3629 3
        Encoding.UTF8.GetBytes(new string('[', 40)),
        Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("{\"a\":", 40))),
        Encoding.UTF8.GetBytes(new string('x', 300)),
        Encoding.UTF8.GetBytes(new string('9', 300)),
    ];

    /// <summary>The next input: a seed with one to four changes.</summary>
    public byte[] Next()
    {
        List<byte> input = [.. Seed()];
        for (var changes = random.Next(1, 5); changes > 0; changes--)
            Change(input);
        if (input.Count > MaxBytes)
            input.RemoveRange(MaxBytes, input.Count - MaxBytes);
        return [.. input];
    }

    private byte[] Seed() => seeds[random.Next(seeds.Count)];

    private void Change(List<byte> input)
    {
        var at = random.Next(input.Count + 1);
        var length = Math.Min(random.Next(1, 16), input.Count - at);
        switch (random.Next(9))
        {
            case 0 when length > 0:
                input[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when length > 0:
                input[at] = (byte)random.Next(256);
                break;
            case 2:
                input.RemoveRange(at, length);
                break;
            case 3:
                input.InsertRange(at, input.GetRange(at, length));
                break;
            case 4:
                input.RemoveRange(at, input.Count - at);
                break;
            case 5:
                input.RemoveRange(at, input.Count - at);
                var other = Seed();
                input.AddRange(other[random.Next(other.Length)..]);
                break;
            case 6:
                ChangeValue(input);
                break;
            default:
                input.InsertRange(at, Words[random.Next(Words.Length)]);
                break;
        }
    }

    // What stands between a colon and the next comma or brace becomes something else: the rest stays well-formed.
    private void ChangeValue(List<byte> input)
    {
        var colons = Enumerable.Range(0, input.Count).Where(i => input[i] == ':').ToList();
        if (colons.Count == 0)
            return;
        var from = colons[random.Next(colons.Count)] + 1;
        var to = input.FindIndex(from, b => b is (byte)',' or (byte)'}');
        input.RemoveRange(from, (to < 0 ? input.Count : to) - from);
        input.InsertRange(from, Words[random.Next(Words.Length)]);
    }
}
