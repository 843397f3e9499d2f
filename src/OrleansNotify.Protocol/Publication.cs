namespace OrleansNotify.Protocol;

/// <summary>One message accepted into a channel. Its channel and epoch are said once by whatever holds it.</summary>
/// <param name="Id">Unique and sortable by time: <c>evt_</c> and 32 hexadecimal digits (UUID version 7).</param>
/// <param name="Offset">1, 2, 3… per channel and epoch; given by the channel grain.</param>
/// <param name="Data">Exactly as published: one JSON value, valid UTF-8.</param>
/// <param name="Shape">What <paramref name="Data"/> holds, so that encoding needs no second look.</param>
/// <param name="PublishedAt">When the grain accepted it (grain's clock, UTC).</param>
/// <param name="Event">The publisher's own name for it, or null.</param>
/// <param name="Tags">The publisher's tags, or null.</param>
/// <param name="Publisher">User whose connection published it; null for HTTP and grain callers.</param>
/// <param name="Origin">Id of the connection that published it and asked to be spared its own event (<c>echo:false</c>); null otherwise. Never sent to clients.</param>
public sealed record Publication(
    string Id,
    ulong Offset,
    ReadOnlyMemory<byte> Data,
    PayloadShape Shape,
    DateTimeOffset PublishedAt,
    string? Event = null,
    string[]? Tags = null,
    string? Publisher = null,
    string? Origin = null);

/// <summary>What was seen in a payload when it was checked.</summary>
[Flags]
public enum PayloadShape
{
    /// <summary>A string, number, array, true, false or null: reaches clients as <c>{"id":…,"timestamp":…,"value":…}</c>.</summary>
    Value = 0,

    /// <summary>A JSON object.</summary>
    Object = 1,

    /// <summary>The object is not empty (a comma is needed behind what is put first).</summary>
    HasMembers = 2,

    /// <summary>The object has its own <c>id</c>, in whatever spelling; ours is left out of <c>data</c>.</summary>
    HasId = 4,

    /// <summary>The object has its own <c>timestamp</c>; ours is left out of <c>data</c>.</summary>
    HasTimestamp = 8,
}
