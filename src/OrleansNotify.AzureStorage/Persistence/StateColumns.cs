using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Unicode;
using Azure.Data.Tables;

namespace OrleansNotify.AzureStorage.Persistence;

/// <summary>
/// Serialized state in the columns of one row: Data, Data1 … Data14 with 64 KiB each, or StringData, StringData1 … StringData14 with 32 Ki characters each,
/// as Microsoft's provider has them. A row can hold no more: it is limited to 1 MiB.
/// </summary>
internal static class StateColumns
{
    /// <summary>Most bytes of state: 960 KiB. A character of the text form counts two.</summary>
    public const int MaxBytes = ColumnCount * ColumnBytes;

    private const int ColumnCount = 15;
    private const int ColumnBytes = 64 << 10; // the service's limit for a column, in bytes or UTF-16
    private const int ColumnChars = ColumnBytes / 2;
    private const string Binary = "Data";
    private const string Text = "StringData";

    /// <summary>Adds the columns.</summary>
    /// <param name="row">Gets them.</param>
    /// <param name="data">Serialized state.</param>
    /// <param name="asText">Text columns; the data must be UTF-8 then.</param>
    /// <exception cref="ArgumentOutOfRangeException">It is longer than <see cref="MaxBytes"/>; names the grain's state "GrainState.Size".</exception>
    /// <exception cref="InvalidOperationException">Text columns, and no UTF-8.</exception>
    public static void Write(TableEntity row, BinaryData data, bool asText)
    {
        if (asText)
            WriteText(row, data);
        else
            WriteBinary(row, data.ToMemory());
    }

    /// <summary>What was written, in either form; null: the row was cleared.</summary>
    public static BinaryData? Read(TableEntity row)
    {
        var bytes = new MemoryStream();
        foreach (var name in Names(Binary))
            bytes.Write(row.TryGetValue(name, out var value) ? BytesOf(value) : []);
        if (bytes.Length > 0)
            return new BinaryData(bytes.GetBuffer().AsMemory(0, (int)bytes.Length));
        var text = string.Concat(Names(Text).Select(name => row.TryGetValue(name, out var value) ? value as string : null));
        return text.Length > 0 ? new BinaryData(text) : null;
    }

    private static void WriteBinary(TableEntity row, ReadOnlyMemory<byte> data)
    {
        CheckSize(data.Length);
        using var names = Names(Binary).GetEnumerator();
        for (var at = 0; at < data.Length; at += ColumnBytes)
        {
            names.MoveNext();
            row[names.Current] = data.Slice(at, Math.Min(ColumnBytes, data.Length - at)).ToArray();
        }
    }

    private static void WriteText(TableEntity row, BinaryData data)
    {
        if (!Utf8.IsValid(data))
            throw new InvalidOperationException("UseStringFormat needs a serializer that yields UTF-8 text, such as JSON; this one yields other bytes.");
        var text = Encoding.UTF8.GetString(data);
        CheckSize(2L * text.Length);
        using var names = Names(Text).GetEnumerator();
        for (var at = 0; at < text.Length;)
        {
            var length = Math.Min(ColumnChars, text.Length - at);
            if (at + length < text.Length && char.IsHighSurrogate(text[at + length - 1]))
                length--; // half a pair does not survive the way to the service
            if (!names.MoveNext())
                throw TooLarge(2L * text.Length); // a pair on each boundary can cost the last few characters
            row[names.Current] = text.Substring(at, length);
            at += length;
        }
    }

    private static byte[] BytesOf(object value) => value switch
    {
        byte[] bytes => bytes,
        BinaryData data => data.ToArray(),
        string base64 => Convert.FromBase64String(base64), // a service that answers without type annotations
        _ => [],
    };

    private static IEnumerable<string> Names(string first) => Enumerable.Range(0, ColumnCount).Select(i => i == 0 ? first : $"{first}{i}");

    private static void CheckSize(long size)
    {
        if (size > MaxBytes)
            throw TooLarge(size);
    }

    [SuppressMessage("Usage", "CA2208", Justification = "The name Microsoft's provider gives it.")]
    private static ArgumentOutOfRangeException TooLarge(long size) => new(
        "GrainState.Size", size, $"The state has {size} bytes, more than the {MaxBytes} a table row can hold. Keep less in one grain, or use blob storage.");
}
