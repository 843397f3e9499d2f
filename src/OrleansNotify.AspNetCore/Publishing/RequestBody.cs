using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>What kind of body it is.</summary>
internal enum BodyKind
{
    /// <summary>None that is taken: 415.</summary>
    Refused,

    /// <summary><c>application/json</c>.</summary>
    Json,

    /// <summary><c>application/x-ndjson</c>: one JSON value a line.</summary>
    JsonLines,
}

/// <summary>Reads bodies of bounded size as UTF-8 JSON.</summary>
internal static class RequestBody
{
    private const string Json = "application/json";
    private const string JsonLines = "application/x-ndjson";

    /// <summary>Judges the headers. A charset other than UTF-8, or any content coding, is refused.</summary>
    public static BodyKind KindOf(HttpRequest request)
    {
        if (request.Headers.ContentEncoding.Count > 0)
            return BodyKind.Refused;
        var type = request.ContentType;
        if (type == Json)
            return BodyKind.Json;
        if (!MediaTypeHeaderValue.TryParse(type, out var parsed) || (parsed.Charset.Length > 0 && !parsed.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
            && !parsed.Charset.Equals("\"utf-8\"", StringComparison.OrdinalIgnoreCase)))
            return BodyKind.Refused;
        if (parsed.MediaType.Equals(Json, StringComparison.OrdinalIgnoreCase))
            return BodyKind.Json;
        return parsed.MediaType.Equals(JsonLines, StringComparison.OrdinalIgnoreCase) ? BodyKind.JsonLines : BodyKind.Refused;
    }

    /// <summary>Reads until the whole body is buffered. Answer with <see cref="PipeReader.AdvanceTo(SequencePosition)"/> when done with it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="maxBytes">Largest body.</param>
    /// <returns>Null when it is larger.</returns>
    /// <exception cref="IOException">The client has gone, was too slow, or broke HTTP.</exception>
    public static ValueTask<ReadOnlySequence<byte>?> ReadAll(HttpRequest request, int maxBytes)
    {
        if (request.ContentLength > maxBytes)
            return new((ReadOnlySequence<byte>?)null);
        // A small body mostly lies in the buffer that brought the head.
        var reader = request.BodyReader;
        if (reader.TryRead(out var result))
        {
            if (result.Buffer.Length > maxBytes)
            {
                reader.AdvanceTo(result.Buffer.End);
                return new((ReadOnlySequence<byte>?)null);
            }
            if (result.IsCompleted)
                return new(result.Buffer);
            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
        return ReadMore(reader, maxBytes);
    }

    private static async ValueTask<ReadOnlySequence<byte>?> ReadMore(PipeReader reader, int maxBytes)
    {
        while (true)
        {
            var result = await reader.ReadAsync();
            if (result.Buffer.Length > maxBytes)
            {
                reader.AdvanceTo(result.Buffer.End);
                return null;
            }
            if (result.IsCompleted)
                return result.Buffer;
            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }
}
