using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace OrleansNotify.Protocol;

/// <summary>
/// The check every payload passes once, at the edge: one JSON value (RFC 8259), valid UTF-8 throughout, at most
/// <see cref="MaxDepth"/> deep, no key twice in one object, no lone surrogate escape.
/// </summary>
public static class JsonPayload
{
    /// <summary>Deepest nesting accepted, counted in arrays and objects.</summary>
    public const int MaxDepth = 32;

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = MaxDepth, AllowDuplicateProperties = false };

    /// <summary>Checks a payload.</summary>
    /// <param name="utf8">The bytes of the value, nothing before or behind it but white space.</param>
    /// <param name="shape">What the value is.</param>
    /// <param name="problem">Null, or a sentence that says what is wrong.</param>
    public static bool TryCheck(ReadOnlySpan<byte> utf8, out PayloadShape shape, [NotNullWhen(false)] out string? problem)
    {
        throw new NotImplementedException();
    }
}
