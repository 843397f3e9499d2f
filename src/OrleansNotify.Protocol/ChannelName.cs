using System.Diagnostics.CodeAnalysis;

namespace OrleansNotify.Protocol;

/// <summary>
/// The grammar of channel names: 1–255 bytes of <c>A-Z a-z 0-9 _ - . : / # $ @ = + ~ ,</c>; '.' separates levels, none empty;
/// <c>ns:rest</c> selects a namespace; <c>$…</c> private; <c>name#42,43</c> only for these users; <c>#42</c> user 42's own;
/// <c>@…</c> reserved for the server's own channels.
/// </summary>
public static class ChannelName
{
    /// <summary>Longest name, in bytes (all ASCII).</summary>
    public const int MaxLength = 255;

    /// <summary>Reaches every connection: what the cluster says.</summary>
    public const string System = "@system";

    /// <summary>Reaches every connection: what publishers say to all.</summary>
    public const string Broadcast = "@broadcast";

    /// <summary>Checks a name somebody wants to use.</summary>
    /// <param name="name">The name.</param>
    /// <param name="problem">Null, or a sentence that begins with "Invalid channel" and says what is wrong.</param>
    public static bool TryCheck(string name, [NotNullWhen(false)] out string? problem) => throw new NotImplementedException();

    /// <summary>The namespace before the first ':', or "" for the default one.</summary>
    public static string NamespaceOf(string name) => throw new NotImplementedException();

    /// <summary>Whether stats and channel lists leave it out: '@' and '#' channels.</summary>
    public static bool IsUnlisted(string name) => name.StartsWith('@') || name.StartsWith('#');

    /// <summary>Whether it is <see cref="System"/> or <see cref="Broadcast"/>.</summary>
    public static bool ReachesEveryone(string name) => name is System or Broadcast;

    /// <summary>Whether it is a user's own channel (<c>#42</c>), and whose.</summary>
    public static bool IsUserChannel(string name, [NotNullWhen(true)] out string? user) => throw new NotImplementedException();

    /// <summary>The own channel of a user.</summary>
    public static string OfUser(string user) => "#" + user;

    /// <summary>Checks a user id: 1–128 of <c>A-Za-z0-9_.@=+~:-</c>.</summary>
    public static bool IsUserId(string user) => throw new NotImplementedException();
}
