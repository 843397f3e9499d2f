using System.Text.Json;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>Cuts a batch into its items, without judging them.</summary>
internal static class BatchReader
{
    /// <summary>Cuts up a JSON array. What stands in an item may be wrong in every way that still lets its end be found.</summary>
    /// <param name="utf8">The body.</param>
    /// <param name="max">Most items; one more is cut, so that the caller sees it.</param>
    /// <param name="items">Gets where each item lies.</param>
    /// <returns>Null, or why it is no array.</returns>
    public static string? CutArray(ReadOnlySpan<byte> utf8, int max, List<Range> items)
    {
        // As deep as it likes: how deep an item may be is a matter of that item.
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = Math.Max(64, utf8.Length) });
        try
        {
            reader.Read();
            if (reader.TokenType != JsonTokenType.StartArray)
                return "A batch must be a JSON array of events, or application/x-ndjson with one event a line.";
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                var start = (int)reader.TokenStartIndex;
                reader.Skip();
                if (items.Count <= max)
                    items.Add(start..(int)reader.BytesConsumed);
            }
            reader.Read(); // nothing but white space may follow
            return null;
        }
        catch (JsonException e)
        {
            return $"Invalid JSON: the array is broken (line {e.LineNumber + 1}, byte {e.BytePositionInLine}).";
        }
    }

    /// <summary>Cuts up lines; blank ones are passed over.</summary>
    /// <param name="utf8">The body.</param>
    /// <param name="max">Most items; one more is cut, so that the caller sees it.</param>
    /// <param name="items">Gets where each item lies.</param>
    public static void CutLines(ReadOnlySpan<byte> utf8, int max, List<Range> items)
    {
        for (var start = 0; start < utf8.Length && items.Count <= max;)
        {
            var length = utf8[start..].IndexOf((byte)'\n');
            var end = length < 0 ? utf8.Length : start + length;
            if (utf8[start..end].ContainsAnyExcept(" \t\r"u8))
                items.Add(start..end);
            start = end + 1;
        }
    }
}
