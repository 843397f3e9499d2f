using System.Text.Json;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>Names a payload by all its bytes but the two members the service adds.</summary>
public static class PayloadHash
{
    private const ulong Offset = 14695981039346656037, Prime = 1099511628211; // FNV-1a, 64 bit

    /// <summary>Of a JSON object's text.</summary>
    public static ulong Of(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        reader.Read();
        return Of(ref reader, utf8);
    }

    /// <summary>Of the object the reader stands at; leaves it at the object's end.</summary>
    /// <param name="reader">At a StartObject.</param>
    /// <param name="whole">What the reader reads.</param>
    public static ulong Of(ref Utf8JsonReader reader, ReadOnlySpan<byte> whole)
    {
        var hash = Offset;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var added = reader.ValueTextEquals("id"u8) || reader.ValueTextEquals("timestamp"u8);
            var begin = (int)reader.TokenStartIndex;
            reader.Read();
            reader.Skip();
            if (!added)
                hash = Add(hash, whole[begin..(int)reader.BytesConsumed]);
        }

        return hash;
    }

    private static ulong Add(ulong hash, ReadOnlySpan<byte> bytes)
    {
        foreach (var value in bytes)
            hash = (hash ^ value) * Prime;
        return hash;
    }
}
