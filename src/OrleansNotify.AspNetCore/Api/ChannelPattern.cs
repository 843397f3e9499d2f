namespace OrleansNotify.AspNetCore.Api;

/// <summary>
/// Which channels to list: a name whose levels may be <c>*</c> (any one level), the last also <c>**</c> (one or more). It never matches a name
/// with '$', '@' or '#', and its namespace is literal.
/// </summary>
internal sealed class ChannelPattern
{
    private readonly string _namespace;
    private readonly string[] _levels;

    private ChannelPattern(string namespacePrefix, string[] levels)
    {
        _namespace = namespacePrefix;
        _levels = levels;
        var literal = levels.TakeWhile(level => level is not ("*" or "**")).ToList();
        Prefix = namespacePrefix + string.Concat(literal.Select((level, i) => i < levels.Length - 1 ? level + "." : level));
    }

    /// <summary>What every matching name begins with.</summary>
    public string Prefix { get; }

    /// <summary>Reads a pattern.</summary>
    /// <param name="text">Such as <c>chat.*</c>, <c>ns:chat.*.typing</c>, <c>chat.**</c>, or a plain name.</param>
    /// <param name="pattern">The pattern, or null.</param>
    public static bool TryParse(string text, out ChannelPattern? pattern)
    {
        pattern = null;
        // With its stars taken for letters it must be a name.
        if (!Protocol.ChannelName.TryCheck(text.Replace('*', 'x'), out _) || text.AsSpan().ContainsAny("$@#"))
            return false;
        var colon = text.IndexOf(':', StringComparison.Ordinal) + 1;
        var levels = text[colon..].Split('.');
        for (var i = 0; i < levels.Length; i++)
        {
            var isStar = levels[i] == "*" || (levels[i] == "**" && i == levels.Length - 1);
            if (!isStar && levels[i].Contains('*', StringComparison.Ordinal))
                return false;
        }
        if (text.AsSpan(0, colon).Contains('*'))
            return false;
        pattern = new ChannelPattern(text[..colon], levels);
        return true;
    }

    /// <summary>Whether a name matches.</summary>
    public bool Matches(string name)
    {
        if (!name.StartsWith(_namespace, StringComparison.Ordinal) || name.AsSpan().ContainsAny("$@#"))
            return false;
        var rest = name.AsSpan(_namespace.Length);
        if (_namespace.Length == 0 && rest.Contains(':'))
            return false;
        var level = 0;
        foreach (var range in rest.Split('.'))
        {
            if (level == _levels.Length)
                return _levels[^1] == "**";
            if (_levels[level] is not ("*" or "**") && !rest[range].SequenceEqual(_levels[level]))
                return false;
            level++;
        }
        return level == _levels.Length;
    }
}
