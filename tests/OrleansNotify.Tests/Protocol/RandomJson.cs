using System.Globalization;
using System.Text;

namespace OrleansNotify.Tests.Protocol;

/// <summary>JSON texts of all sorts, sound and slightly broken, from a seed.</summary>
internal sealed class RandomJson(int seed)
{
#pragma warning disable CA5394 // nothing secret about test data
    private static readonly string[] Keys =
        ["id", "timestamp", "a", "b", "ab", "", "\\u0069d", "i\\u0064", "time\\u0073tamp", "\\u0061", "\u00e9", "\\u00e9", "\\u00E9", "__proto__", "\ud83d\ude00", "\\ud83d\\ude00", "\\n", "\\/", "/"];

    private static readonly string[] Broken =
        ["\\ud800", "\\udc00x", "\\ud83d\\u0041", "\\udc00\\ud800", "\\x", "\t", "\\u12"];

    private static readonly string[] Scalars = ["0", "-0", "1", "-1.5e+10", "1e999", "18446744073709551616", "true", "false", "null", "\"\"", "\"\\\"\\\\\""];

    private static readonly string[] Noise = ["\"", "{", "}", "[", "]", ",", ":", "\\", "//", "/**/", " ", "\n", "\0", "NaN", "01", "\ufeff", "\"a\":1,"];

    private readonly Random _random = new(seed);

    /// <summary>A sound text but for duplicate keys, depth and lone surrogates, which it may have.</summary>
    public byte[] Next(int maxDepth = 5)
    {
        var json = new StringBuilder();
        Space(json);
        if (_random.Next(20) == 0)
            Nest(json, _random.Next(28, 36));
        else
            Value(json, maxDepth);
        Space(json);
        return Encoding.UTF8.GetBytes(json.ToString());
    }

    /// <summary>The same with a few bytes changed.</summary>
    public byte[] NextBroken()
    {
        var bytes = Next().ToList();
        for (var changes = _random.Next(1, 3); changes > 0; changes--)
        {
            var at = _random.Next(bytes.Count + 1);
            switch (_random.Next(4))
            {
                case 0 when at < bytes.Count:
                    bytes.RemoveAt(at);
                    break;
                case 1 when at < bytes.Count:
                    bytes[at] = (byte)_random.Next(256);
                    break;
                case 2:
                    bytes = bytes[..at];
                    break;
                default:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Pick(Noise)));
                    break;
            }
        }
        return [.. bytes];
    }

    private void Value(StringBuilder json, int depth)
    {
        switch (_random.Next(depth > 0 ? 8 : 5))
        {
            case 0:
                json.Append(_random.Next(-1000, 100_000).ToString(CultureInfo.InvariantCulture));
                break;
            case 1:
                String(json);
                break;
            case 2 or 3 or 4:
                json.Append(Pick(Scalars));
                break;
            case 5:
                Array(json, depth);
                break;
            default:
                Object(json, depth);
                break;
        }
    }

    private void Array(StringBuilder json, int depth)
    {
        json.Append('[');
        for (var i = _random.Next(4); i > 0; i--)
        {
            Value(json, depth - 1);
            json.Append(i > 1 ? "," : "");
            Space(json);
        }
        json.Append(']');
    }

    private void Object(StringBuilder json, int depth)
    {
        json.Append('{');
        Space(json);
        var members = _random.Next(12) == 0 ? _random.Next(14, 90) : _random.Next(5);
        var spread = _random.Next(3) == 0;
        for (var i = members; i > 0; i--)
        {
            json.Append('"').Append(spread ? Pick(Keys) : "k" + (members > 5 && _random.Next(200) == 0 ? 3 : i).ToString(CultureInfo.InvariantCulture)).Append("\":");
            Space(json);
            Value(json, members > 5 ? Math.Min(depth - 1, 1) : depth - 1);
            json.Append(i > 1 ? "," : "");
        }
        json.Append('}');
    }

    private void Nest(StringBuilder json, int depth)
    {
        var closing = new Stack<string>();
        for (; depth > 0; depth--)
        {
            var isArray = _random.Next(2) == 0;
            json.Append(isArray ? "[" : "{\"id\":");
            closing.Push(isArray ? "]" : "}");
        }
        json.Append('1').AppendJoin("", closing);
    }

    private void String(StringBuilder json)
    {
        json.Append('"');
        for (var i = _random.Next(4); i > 0; i--)
            json.Append(_random.Next(60) == 0 ? Pick(Broken) : Pick(Keys));
        json.Append('"');
    }

    private void Space(StringBuilder json)
    {
        if (_random.Next(4) == 0)
            json.Append(Pick([" ", "\n", "\t", "\r\n", "  "]));
    }

    private string Pick(string[] from) => from[_random.Next(from.Length)];
#pragma warning restore CA5394
}
