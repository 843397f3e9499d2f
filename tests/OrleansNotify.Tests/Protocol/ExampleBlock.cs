using System.Globalization;
using System.Text.Json;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Protocol;

/// <summary>An example of PROTOCOL.md: what stands between two fences.</summary>
/// <param name="Line">Of its opening fence, 1 for the first.</param>
/// <param name="Kind"><c>ws</c>, <c>sse</c> or <c>http</c>.</param>
/// <param name="Query">What stands behind the kind: the query of <c>/ws</c>.</param>
/// <param name="Lines">Its lines.</param>
internal sealed record ExampleBlock(int Line, string Kind, string Query, IReadOnlyList<string> Lines)
{
    private const string Fence = "```";

    /// <summary>All of the document, in order.</summary>
    public static IReadOnlyList<ExampleBlock> All { get; } = Read(Repository.PathOf("src", "OrleansNotify.Protocol", "PROTOCOL.md"));

    private static List<ExampleBlock> Read(string path)
    {
        var blocks = new List<ExampleBlock>();
        var lines = File.ReadAllLines(path);
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith(Fence, StringComparison.Ordinal))
                continue;
            var words = lines[i][Fence.Length..].Split(' ', 2);
            var end = Array.IndexOf(lines, Fence, i + 1);
            Assert.True(end > i, $"PROTOCOL.md:{i + 1}: the block does not end.");
            blocks.Add(new ExampleBlock(i + 1, words[0], words.ElementAtOrDefault(1) ?? "", lines[(i + 1)..end]));
            i = end;
        }
        return blocks;
    }
}

/// <summary>Compares answers with their examples, and remembers what stood where an example has <c>"{{name}}"</c>.</summary>
internal sealed class ExampleValues
{
    private const string Anything = "…";

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <summary>The text with what is known put in.</summary>
    public string Fill(string text)
    {
        foreach (var (name, value) in _values)
            text = text.Replace($"{{{{{name}}}}}", value, StringComparison.Ordinal);
        return text;
    }

    /// <summary>The answer is the example's: the same members and no other, in any order.</summary>
    public void AssertMatches(string example, string answer, string where)
    {
        using var expected = JsonDocument.Parse(example);
        using var actual = JsonDocument.Parse(answer);
        if (Difference(expected.RootElement, actual.RootElement, "$") is { } difference)
            Assert.Fail($"{where}: {difference}\nexample: {example}\nanswer:  {answer}");
    }

    private string? Difference(JsonElement expected, JsonElement actual, string path)
    {
        if (expected.ValueKind == JsonValueKind.String && expected.GetString() is { } text)
        {
            if (text == Anything)
                return null;
            if (text.StartsWith("{{", StringComparison.Ordinal) && text.EndsWith("}}", StringComparison.Ordinal))
                return Remember(text[2..^2], actual.ToString(), path);
            return actual.ValueKind == JsonValueKind.String && actual.GetString() == text ? null : $"{path} is {actual.GetRawText()}";
        }
        if (expected.ValueKind != actual.ValueKind)
            return $"{path} is {actual.GetRawText()}";
        return expected.ValueKind switch
        {
            JsonValueKind.Object => ObjectDifference(expected, actual, path),
            JsonValueKind.Array when expected.GetArrayLength() != actual.GetArrayLength() =>
                string.Create(CultureInfo.InvariantCulture, $"{path} has {actual.GetArrayLength()} entries"),
            JsonValueKind.Array => expected.EnumerateArray().Zip(actual.EnumerateArray())
                .Select((pair, i) => Difference(pair.First, pair.Second, $"{path}[{i}]")).FirstOrDefault(difference => difference is not null),
            _ => expected.GetRawText() == actual.GetRawText() ? null : $"{path} is {actual.GetRawText()}",
        };
    }

    private string? ObjectDifference(JsonElement expected, JsonElement actual, string path)
    {
        foreach (var member in actual.EnumerateObject())
        {
            if (!expected.TryGetProperty(member.Name, out _))
                return $"{path}.{member.Name} is too much";
        }
        foreach (var member in expected.EnumerateObject())
        {
            if (!actual.TryGetProperty(member.Name, out var value))
                return $"{path}.{member.Name} is missing";
            if (Difference(member.Value, value, $"{path}.{member.Name}") is { } difference)
                return difference;
        }
        return null;
    }

    private string? Remember(string name, string value, string path)
    {
        if (_values.TryAdd(name, value) || _values[name] == value)
            return null;
        return $"{path} is {value}, but {name} was {_values[name]}";
    }
}
