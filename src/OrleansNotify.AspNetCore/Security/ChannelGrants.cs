using System.Diagnostics.CodeAnalysis;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Security;

/// <summary>
/// Channels somebody may use. Each grant is a name, which covers that channel alone, whichever it is (<c>$orders</c>, <c>#42</c>, <c>@broadcast</c>), or a
/// pattern: <c>chat.*</c> one level, <c>chat.**</c> one or more; never a name with '$', '@' or '#', never beyond its own namespace.
/// </summary>
internal sealed class ChannelGrants
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly List<ChannelPattern> _patterns = [];

    private ChannelGrants(bool everything) => IsEverything = everything;

    /// <summary>Whether nothing is left out.</summary>
    public bool IsEverything { get; }

    /// <summary>Every channel there is.</summary>
    public static ChannelGrants Everything { get; } = new(everything: true);

    /// <summary>No channel.</summary>
    public static ChannelGrants Nothing { get; } = new(everything: false);

    /// <summary>Reads grants.</summary>
    /// <param name="texts">Names and patterns; none: no channel.</param>
    /// <param name="grants">The grants, or null.</param>
    /// <param name="wrong">Null, or where in <paramref name="texts"/> something is neither.</param>
    public static bool TryRead(IEnumerable<string?> texts, [NotNullWhen(true)] out ChannelGrants? grants, [NotNullWhen(false)] out int? wrong)
    {
        var read = new ChannelGrants(everything: false);
        var at = 0;
        (grants, wrong) = (null, null);
        foreach (var text in texts)
        {
            if (!read.TryAdd(text))
            {
                wrong = at;
                return false;
            }
            at++;
        }
        grants = read;
        return true;
    }

    /// <summary>Whether they cover a channel.</summary>
    /// <param name="channel">A checked name.</param>
    public bool Cover(string channel) => IsEverything || _names.Contains(channel) || _patterns.Exists(pattern => pattern.Matches(channel));

    /// <summary>Whether they cover every channel that a pattern matches, now or ever.</summary>
    public bool Cover(ChannelPattern pattern) => IsEverything || _patterns.Exists(granted => granted.Covers(pattern));

    private bool TryAdd(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return false;
        if (!text.Contains('*', StringComparison.Ordinal))
            return ChannelName.TryCheck(text, out _) && (_names.Add(text) || true);
        if (!ChannelPattern.TryParse(text, out var pattern))
            return false;
        _patterns.Add(pattern!);
        return true;
    }
}
