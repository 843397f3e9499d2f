using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>The namespaces that exist and their options. Bound from <c>Notify</c>.</summary>
public sealed class ChannelNamespaces
{
    /// <summary>The key of the namespace of names without ':'. It always exists.</summary>
    public const string Default = "default";

    /// <summary>Most connections that a user can be allowed to have (<c>Notify:Limits:ConnectionsPerUser</c>): all are listed on the user's own channel, by which the user is known.</summary>
    public const int MaxUserConnections = 1_000;

    /// <summary>Name → options; names are 1–64 of <c>a-z A-Z 0-9 _ -</c>.</summary>
    public Dictionary<string, NamespaceOptions> Namespaces { get; } = new(StringComparer.Ordinal) { [Default] = new() };

    /// <summary>The options of a channel, or null when its namespace is unknown (error 102). Reserved and user channels use the default namespace.</summary>
    public NamespaceOptions? Find(string channel)
    {
        var name = ChannelName.NamespaceOf(channel);
        return Namespaces.GetValueOrDefault(name.Length == 0 ? Default : name);
    }

    /// <summary>Why a channel has no presence.</summary>
    public const string NoPresence = "This channel has no presence: its namespace's option Presence is off, or everyone is on it.";

    /// <summary>Why nobody is told who comes and goes on a channel.</summary>
    public const string NoJoinLeave = "Nobody is told who comes to this channel and goes: its namespace's option JoinLeave is off, or everyone is on it.";

    /// <summary>How many members of a channel are listed and told of.</summary>
    public int PresenceListOf(string channel) => ChannelName.IsUserChannel(channel, out _) ? MaxUserConnections : Find(channel)?.PresenceList ?? 0;

    /// <summary>Whether it can be asked who is on a channel.</summary>
    public bool HasPresence(string channel) => Find(channel) is { Presence: true } && !ChannelName.ReachesEveryone(channel);

    /// <summary>Whether subscribers of a channel can be told who comes and goes.</summary>
    public bool TellsJoinLeave(string channel) => Find(channel) is { } options && (options.JoinLeave ?? options.Presence) && !ChannelName.ReachesEveryone(channel);
}
