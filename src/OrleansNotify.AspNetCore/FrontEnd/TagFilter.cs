using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>Which publications are wanted: those that carry at least one of some tags. Immutable; filters of the same tags are equal, however they were written.</summary>
internal sealed class TagFilter : IEquatable<TagFilter>
{
    private readonly string[] _tags; // sorted, each once
    private readonly int _hash;

    /// <summary>Of these tags.</summary>
    /// <param name="tags">At least one, in any order.</param>
    public TagFilter(IEnumerable<string> tags)
    {
        _tags = [.. tags.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        var hash = new HashCode();
        foreach (var tag in _tags)
            hash.Add(tag, StringComparer.Ordinal);
        _hash = hash.ToHashCode();
    }

    /// <summary>Whether a publication is wanted.</summary>
    public bool Matches(Publication publication)
    {
        foreach (var tag in publication.Tags ?? [])
        {
            if (Array.BinarySearch(_tags, tag, StringComparer.Ordinal) >= 0)
                return true;
        }
        return false;
    }

    /// <summary>What either of two wants; null: everything.</summary>
    public TagFilter? Or(TagFilter? other) => other is null ? null : Equals(other) ? this : new TagFilter(_tags.Concat(other._tags));

    /// <inheritdoc />
    public bool Equals(TagFilter? other) => other is not null && _tags.AsSpan().SequenceEqual(other._tags);

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as TagFilter);

    /// <inheritdoc />
    public override int GetHashCode() => _hash;
}
