using System.Diagnostics.CodeAnalysis;

namespace OrleansNotify.Protocol;

/// <summary>
/// Many channels at once: a name whose levels may be <c>*</c> (any one level), the last also <c>**</c> (one or more). It never matches a name
/// with '$', '@' or '#', and its namespace is literal.
/// </summary>
public sealed class ChannelPattern
{
    /// <summary>A level that matches any one.</summary>
    public const string One = "*";

    /// <summary>A last level that matches one or more.</summary>
    public const string Rest = "**";

    private const string Unmatched = "$@#";

    private readonly string[] _levels;

    private ChannelPattern(string text, int colon)
    {
        Text = text;
        Namespace = text[..colon];
        _levels = text[colon..].Split('.');
        var literal = _levels.TakeWhile(level => level is not (One or Rest)).ToList();
        Prefix = Namespace + string.Concat(literal.Select((level, i) => i < _levels.Length - 1 ? level + "." : level));
    }

    /// <summary>As it was written.</summary>
    public string Text { get; }

    /// <summary>The namespace with its ':', or "".</summary>
    public string Namespace { get; }

    /// <summary>What stands between the dots behind the namespace.</summary>
    public IReadOnlyList<string> Levels => _levels;

    /// <summary>What every matching name begins with.</summary>
    public string Prefix { get; }

    /// <summary>Whether it begins with a star and so takes in whatever there is, in no namespace.</summary>
    public bool IsBare => Namespace.Length == 0 && _levels[0] is One or Rest;

    /// <summary>Whether a text asks for a pattern, a good one or not: no name has a star.</summary>
    public static bool IsMeant(string text) => text.Contains('*', StringComparison.Ordinal);

    /// <summary>Reads a pattern.</summary>
    /// <param name="text">Such as <c>chat.*</c>, <c>ns:chat.*.typing</c>, <c>chat.**</c>, or a plain name.</param>
    /// <param name="pattern">The pattern, or null.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out ChannelPattern? pattern)
    {
        pattern = null;
        // With its stars taken for letters it must be a name.
        if (!ChannelName.TryCheck(text.Replace('*', 'x'), out _) || text.AsSpan().ContainsAny(Unmatched))
            return false;
        var colon = text.IndexOf(':', StringComparison.Ordinal) + 1;
        var levels = text[colon..].Split('.');
        for (var i = 0; i < levels.Length; i++)
        {
            var isStar = levels[i] == One || (levels[i] == Rest && i == levels.Length - 1);
            if (!isStar && levels[i].Contains('*', StringComparison.Ordinal))
                return false;
        }
        if (text.AsSpan(0, colon).Contains('*'))
            return false;
        pattern = new ChannelPattern(text, colon);
        return true;
    }

    /// <summary>Whether a channel may be matched by any pattern; if so, where its levels begin.</summary>
    /// <param name="channel">A checked name.</param>
    /// <param name="levels">Index behind its namespace and ':'; 0 without one.</param>
    public static bool CanMatch(string channel, out int levels)
    {
        levels = channel.IndexOf(':', StringComparison.Ordinal) + 1;
        return !channel.AsSpan().ContainsAny(Unmatched);
    }

    /// <summary>Whether a name matches.</summary>
    /// <param name="channel">A checked name.</param>
    public bool Matches(string channel)
    {
        if (!CanMatch(channel, out var start) || !channel.AsSpan(0, start).SequenceEqual(Namespace))
            return false;
        var rest = channel.AsSpan(start);
        var level = 0;
        foreach (var range in rest.Split('.'))
        {
            if (level == _levels.Length)
                return _levels[^1] == Rest;
            if (_levels[level] is not (One or Rest) && !rest[range].SequenceEqual(_levels[level]))
                return false;
            level++;
        }
        return level == _levels.Length;
    }

    /// <summary>Whether every name that <paramref name="other"/> matches, now or ever, is matched by this one, too.</summary>
    public bool Covers(ChannelPattern other)
    {
        if (Namespace != other.Namespace)
            return false;
        for (var i = 0; i < _levels.Length; i++)
        {
            if (_levels[i] == Rest)
                return other._levels.Length > i;
            if (i >= other._levels.Length || other._levels[i] == Rest || (_levels[i] != One && _levels[i] != other._levels[i]))
                return false;
        }
        return other._levels.Length == _levels.Length;
    }
}
