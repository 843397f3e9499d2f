using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Patterns;

/// <summary>
/// What hangs on which pattern, found by the channel's name: a tree of levels, so that the cost of a name depends on its levels and on what matches,
/// not on how many other patterns there are. Not thread-safe.
/// </summary>
/// <typeparam name="T">What hangs on patterns; the same one may hang on several, and several times on one.</typeparam>
public sealed class PatternIndex<T>
{
    private readonly Dictionary<string, Node> _namespaces = new(StringComparer.Ordinal);

    /// <summary>Whether nothing hangs on any pattern.</summary>
    public bool IsEmpty => _namespaces.Count == 0;

    /// <summary>Hangs something on a pattern.</summary>
    public void Add(ChannelPattern pattern, T item)
    {
        var node = Below(_namespaces, pattern.Namespace);
        foreach (var level in pattern.Levels)
            node = Below(node.Levels, level);
        node.Items.Add(item);
    }

    /// <summary>Takes it away, once.</summary>
    public void Remove(ChannelPattern pattern, T item)
    {
        string[] path = [pattern.Namespace, .. pattern.Levels];
        Remove(_namespaces, path, item);
    }

    /// <summary>Adds what hangs on patterns that match a channel; what hangs on several of them is added for each.</summary>
    /// <param name="channel">A checked name.</param>
    /// <param name="found">Gets it.</param>
    public void Find(string channel, ICollection<T> found)
    {
        if (IsEmpty || !ChannelPattern.CanMatch(channel, out var start))
            return;
        if (_namespaces.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(channel.AsSpan(0, start), out var node))
            Find(node, channel.AsSpan(start), found);
    }

    private static void Find(Node node, ReadOnlySpan<char> levels, ICollection<T> found)
    {
        if (node.Levels.TryGetValue(ChannelPattern.Rest, out var rest))
            AddAll(rest, found);
        var dot = levels.IndexOf('.');
        var level = dot < 0 ? levels : levels[..dot];
        if (node.Levels.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(level, out var same))
            Go(same, levels, found);
        if (node.Levels.TryGetValue(ChannelPattern.One, out var any))
            Go(any, levels, found);

        static void Go(Node next, ReadOnlySpan<char> levels, ICollection<T> found)
        {
            var dot = levels.IndexOf('.');
            if (dot < 0)
                AddAll(next, found);
            else
                Find(next, levels[(dot + 1)..], found);
        }
    }

    private static void AddAll(Node node, ICollection<T> found)
    {
        foreach (var item in node.Items)
            found.Add(item);
    }

    private static Node Below(Dictionary<string, Node> nodes, string level)
    {
        if (!nodes.TryGetValue(level, out var node))
            nodes[level] = node = new Node();
        return node;
    }

    private static void Remove(Dictionary<string, Node> nodes, ReadOnlySpan<string> path, T item)
    {
        if (!nodes.TryGetValue(path[0], out var node))
            return;
        if (path.Length == 1)
            node.Items.Remove(item);
        else
            Remove(node.Levels, path[1..], item);
        if (node.Items.Count == 0 && node.Levels.Count == 0)
            nodes.Remove(path[0]);
    }

    private sealed class Node
    {
        public Dictionary<string, Node> Levels { get; } = new(StringComparer.Ordinal);

        public List<T> Items { get; } = [];
    }
}
