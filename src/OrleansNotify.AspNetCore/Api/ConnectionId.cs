using System.Globalization;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>The id of a connection: its silo's tag, 8 hexadecimal digits, and its number there, such as <c>0a1b2c3d-42</c>.</summary>
public static class ConnectionId
{
    private const int TagLength = 8;

    /// <summary>The tag of a silo: the same everywhere in the cluster, another one after a restart.</summary>
    public static uint TagOf(SiloAddress silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        return (uint)silo.GetConsistentHashCode();
    }

    /// <summary>The id of a silo's connection.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="number">1, 2, 3…</param>
    public static string Format(SiloAddress silo, long number) => string.Create(CultureInfo.InvariantCulture, $"{TagOf(silo):x8}-{number}");

    /// <summary>Reads what <see cref="Format"/> wrote; false for anything else, other spellings of the same numbers included.</summary>
    public static bool TryParse(string? id, out uint tag, out long number)
    {
        tag = 0;
        number = 0;
        return id is not null
            && id.Length > TagLength + 1
            && id[TagLength] == '-'
            && uint.TryParse(id.AsSpan(0, TagLength), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out tag)
            && long.TryParse(id.AsSpan(TagLength + 1), NumberStyles.None, CultureInfo.InvariantCulture, out number)
            && number > 0
            && string.Create(CultureInfo.InvariantCulture, $"{tag:x8}-{number}") == id;
    }
}
