using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace OrleansNotify.Protocol;

/// <summary>
/// The grammar of channel names: 1–255 of <c>A-Z a-z 0-9 _ - . : / # $ @ = + ~ ,</c>, compared byte by byte. Read from the left, in this order:
/// <list type="number">
/// <item><description><c>@…</c> is reserved for the server: <see cref="System"/> and <see cref="Broadcast"/>, no other. Further on, '@' is an ordinary character.</description></item>
/// <item><description>The first '#' ends the name proper; user ids follow, joined by ','. <c>#42</c> (nothing before, one id) is user 42's own channel;
/// <c>name#42,43</c> is only for these users. Behind '#' no other rule applies: ':' and '.' belong to the ids.</description></item>
/// <item><description>A first '$' makes the channel private; nowhere else is a '$' allowed.</description></item>
/// <item><description>The first ':' ends a namespace of 1–64 of <c>A-Z a-z 0-9 _ -</c>; further ':' are ordinary characters.</description></item>
/// <item><description>What is left has at least one character; '.' separates its levels, none of which is empty.</description></item>
/// </list>
/// </summary>
public static class ChannelName
{
    /// <summary>Longest name, in bytes (all ASCII).</summary>
    public const int MaxLength = 255;

    /// <summary>Longest user id, in bytes (all ASCII).</summary>
    public const int MaxUserIdLength = 128;

    /// <summary>Longest namespace, in bytes (all ASCII).</summary>
    public const int MaxNamespaceLength = 64;

    /// <summary>Reaches every connection: what the cluster says.</summary>
    public const string System = "@system";

    /// <summary>Reaches every connection: what publishers say to all.</summary>
    public const string Broadcast = "@broadcast";

    private const string LettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

    private static readonly SearchValues<char> InNamespace = SearchValues.Create(LettersAndDigits + "_-");
    private static readonly SearchValues<char> InUserId = SearchValues.Create(LettersAndDigits + "_.@=+~:-");
    private static readonly SearchValues<char> InName = SearchValues.Create(LettersAndDigits + "_-.:/#$@=+~,");

    /// <summary>Checks a name somebody wants to use.</summary>
    /// <param name="name">The name.</param>
    /// <param name="problem">Null, or a sentence that begins with "Invalid channel" and says what is wrong. It never repeats the name.</param>
    public static bool TryCheck(string name, [NotNullWhen(false)] out string? problem)
    {
        problem = FindProblem(name) is { } found ? "Invalid channel: " + found : null;
        return problem is null;
    }

    /// <summary>The namespace of a checked name, or "" for the default one.</summary>
    public static string NamespaceOf(string name)
    {
        var proper = Proper(name);
        if (proper.StartsWith('$'))
            proper = proper[1..];
        var colon = proper.IndexOf(':');
        return colon < 0 ? "" : proper[..colon].ToString();
    }

    /// <summary>Whether stats and channel lists leave it out: '@' and '#' channels.</summary>
    public static bool IsUnlisted(string name) => name.StartsWith('@') || name.StartsWith('#');

    /// <summary>Whether it is <see cref="System"/> or <see cref="Broadcast"/>.</summary>
    public static bool ReachesEveryone(string name) => name is System or Broadcast;

    /// <summary>Whether it is a user's own channel (<c>#42</c>), and whose.</summary>
    public static bool IsUserChannel(string name, [NotNullWhen(true)] out string? user)
    {
        user = name.StartsWith('#') && IsUserId(name.AsSpan(1)) ? name[1..] : null;
        return user is not null;
    }

    /// <summary>The own channel of a user.</summary>
    public static string OfUser(string user) => "#" + user;

    /// <summary>Checks a user id: 1–128 of <c>A-Za-z0-9_.@=+~:-</c>.</summary>
    public static bool IsUserId(string user) => IsUserId(user.AsSpan());

    private static bool IsUserId(ReadOnlySpan<char> user) =>
        user.Length is > 0 and <= MaxUserIdLength && !user.ContainsAnyExcept(InUserId);

    /// <summary>What stands before the users.</summary>
    private static ReadOnlySpan<char> Proper(string name)
    {
        var hash = name.IndexOf('#', StringComparison.Ordinal);
        return hash < 0 ? name : name.AsSpan(0, hash);
    }

    private static string? FindProblem(string name)
    {
        if (name.Length == 0)
            return $"the name is empty; it takes 1 to {MaxLength} characters.";
        if (name.Length > MaxLength)
            return $"the name is {name.Length} characters long; it takes 1 to {MaxLength}.";
        var strange = name.AsSpan().IndexOfAnyExcept(InName);
        if (strange >= 0)
            return StrangeCharacter(name[strange], strange);
        if (name[0] == '@')
            return ReachesEveryone(name) ? null : $"names that begin with '@' are reserved; there are {System} and {Broadcast}, no other.";
        var proper = Proper(name);
        if (proper.Length < name.Length && FindUsersProblem(name.AsSpan(proper.Length + 1), own: proper.Length == 0) is { } problem)
            return problem;
        return proper.Length == 0 ? null : FindProperProblem(proper);
    }

    private static string StrangeCharacter(char character, int index) => character == '*'
        ? $"'*' at position {index + 1} makes a pattern, which can only be subscribed to; name one channel."
        : $"the character {Show(character)} at position {index + 1} is not allowed; use A-Z a-z 0-9 _ - . : / # $ @ = + ~ ,";

    private static string Show(char character) => character is > ' ' and < '\x7f' ? $"'{character}'" : $"U+{(int)character:X4}";

    private static string? FindUsersProblem(ReadOnlySpan<char> users, bool own)
    {
        if (users.Length == 0)
            return "no user follows '#'; write #42 or name#42,43.";
        if (own && users.Contains(','))
            return "a name that begins with '#' is one user's own channel; write one user id, or put a name before '#'.";
        foreach (var range in users.Split(','))
        {
            var user = users[range];
            if (user.Length == 0)
                return "a user id behind '#' is empty; remove the spare ','.";
            if (user.Length > MaxUserIdLength)
                return $"a user id behind '#' is {user.Length} characters long; it takes 1 to {MaxUserIdLength}.";
            var strange = user.IndexOfAnyExcept(InUserId);
            if (strange >= 0)
                return $"the character '{user[strange]}' is not allowed in a user id (behind '#'); use A-Z a-z 0-9 _ . @ = + ~ : -";
        }
        return null;
    }

    private static string? FindProperProblem(ReadOnlySpan<char> proper)
    {
        if (proper[0] == '$')
        {
            proper = proper[1..];
            if (proper.Length == 0)
                return "no name follows '$'.";
        }
        if (proper.Contains('$'))
            return "'$' is allowed only as the first character, where it makes the channel private.";
        var colon = proper.IndexOf(':');
        if (colon >= 0)
        {
            if (FindNamespaceProblem(proper[..colon]) is { } problem)
                return problem;
            proper = proper[(colon + 1)..];
            if (proper.Length == 0)
                return "no name follows the namespace and its ':'.";
        }
        if (proper[0] == '.')
            return "the first level is empty; remove the leading '.'.";
        if (proper[^1] == '.')
            return "the last level is empty; remove the trailing '.'.";
        return proper.Contains("..", StringComparison.Ordinal) ? "a level between two '.' is empty; remove one '.'." : null;
    }

    private static string? FindNamespaceProblem(ReadOnlySpan<char> name)
    {
        if (name.Length == 0)
            return "the namespace before ':' is empty; remove the ':' or name a namespace.";
        if (name.Length > MaxNamespaceLength)
            return $"the namespace before ':' is {name.Length} characters long; it takes 1 to {MaxNamespaceLength}.";
        var strange = name.IndexOfAnyExcept(InNamespace);
        return strange < 0 ? null : $"the character '{name[strange]}' is not allowed in a namespace (before ':'); use A-Z a-z 0-9 _ -";
    }
}
