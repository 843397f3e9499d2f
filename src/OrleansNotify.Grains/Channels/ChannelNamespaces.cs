using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>The namespaces that exist and their options. Bound from <c>Notify</c>.</summary>
public sealed class ChannelNamespaces
{
    /// <summary>The key of the namespace of names without ':'. It always exists.</summary>
    public const string Default = "default";

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

    /// <summary>Whether it can be asked who is on a channel.</summary>
    public bool HasPresence(string channel) => Find(channel) is { Presence: true } && !ChannelName.ReachesEveryone(channel);
}
