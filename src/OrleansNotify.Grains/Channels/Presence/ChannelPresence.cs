using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels.Presence;

/// <summary>
/// Who is on a channel, cluster-wide: soft state, told by the front-ends and ending with their attachments. A new activation knows nobody, and is told
/// by each front-end again. Not thread-safe: the channel's grain is its only user.
/// </summary>
/// <param name="channel">The channel.</param>
/// <param name="maxListed">Beyond so many members there are only counts, and changes are told to nobody.</param>
/// <param name="time">The silo's clock.</param>
internal sealed class ChannelPresence(string channel, int maxListed, TimeProvider time)
{
    /// <summary>
    /// How long front-ends have to announce their members to a new activation before who is missing has left. With the seconds in which a dead silo is found it
    /// stays well below the 20 s of PROMISES P8.
    /// </summary>
    public static readonly TimeSpan Settling = TimeSpan.FromSeconds(12);

    // What a member weighs beside its info when it moves: its id and user, and their framing.
    private const int MemberBytes = 150;

    private readonly Dictionary<SiloAddress, Announced> _frontEnds = [];
    private readonly Dictionary<string, int> _users = new(StringComparer.Ordinal);
    private long _startedAt = time.GetTimestamp();
    private int _total;

    /// <summary>Goes on where <see cref="Save"/> was called on another silo.</summary>
    public ChannelPresence(string channel, int maxListed, MovedPresence moved, TimeProvider time)
        : this(channel, maxListed, time)
    {
        (Run, Version) = (moved.Run, moved.Version);
        _startedAt -= (long)(moved.Age.TotalSeconds * time.TimestampFrequency);
        foreach (var (frontEnd, number, watches, members) in moved.FrontEnds)
        {
            var announced = _frontEnds[frontEnd] = new Announced { Number = number, Watches = watches };
            foreach (var member in members)
                announced.Members[member.Connection] = member;
            Count([.. members], []);
        }
        SetWatching();
    }

    /// <summary>Names this run of versions.</summary>
    public long Run { get; } = Random.Shared.NextInt64();

    /// <summary>Whether somebody is there.</summary>
    public bool HasMembers => _total > 0;

    /// <summary>Rises with each change.</summary>
    public long Version { get; private set; }

    /// <summary>Front-ends that want to be told of changes. Never changed, only replaced.</summary>
    public SiloAddress[] Watching { get; private set; } = [];

    /// <summary>About how many bytes <see cref="Save"/> comes to on the wire.</summary>
    public long MoveBytes => _frontEnds.Values.Sum(f => f.Members.Values.Sum(m => (long)MemberBytes + m.Info.Length));

    /// <summary>Takes what a front-end tells.</summary>
    /// <param name="announcement">What it tells.</param>
    /// <param name="change">What has changed by it and is to be told; null: nothing, or nothing that is told.</param>
    public PresenceReply Take(PresenceAnnouncement announcement, out PresenceChange? change)
    {
        change = null;
        var known = _frontEnds.GetValueOrDefault(announcement.FrontEnd);
        if (known is not null && announcement.Number <= known.Number)
            return new PresenceReply(PresenceVerdict.Taken); // overtaken by a later one
        if (announcement.Base != (known?.Number ?? 0) && announcement.Base != 0)
            return new PresenceReply(PresenceVerdict.BaseUnknown);
        if (known is null)
            _frontEnds[announcement.FrontEnd] = known = new Announced();
        if (announcement.Base == 0)
            known.Collecting = new(StringComparer.Ordinal);
        known.Number = announcement.Number;
        if (known.Watches != announcement.Watches)
        {
            known.Watches = announcement.Watches;
            SetWatching();
        }

        List<PresenceMember> joined = [];
        List<PresenceMember> left = [];
        foreach (var member in announcement.Joined)
        {
            if (known.Collecting is { } collecting)
                collecting[member.Connection] = member;
            else if (!known.Members.ContainsKey(member.Connection))
                joined.Add(member);
        }
        foreach (var connection in announcement.Left)
        {
            if (known.Collecting is { } collecting)
                collecting.Remove(connection);
            else if (known.Members.Remove(connection, out var member))
                left.Add(member);
        }
        if (known.Collecting is { } collected && !announcement.More)
        {
            joined.AddRange(collected.Values.Where(member => !known.Members.ContainsKey(member.Connection)));
            left.AddRange(known.Members.Values.Where(member => !collected.ContainsKey(member.Connection)));
            left.ForEach(member => known.Members.Remove(member.Connection));
            known.Collecting = null;
        }
        var refused = Refuse(joined, announcement.Limit - (_total - left.Count), announcement.Limit);
        joined.ForEach(member => known.Members.Add(member.Connection, member));
        change = Change(joined, left);
        return new PresenceReply(PresenceVerdict.Taken, announcement.Asks ? State(withMembers: true) : null, refused);
    }

    // Who came last is one too many.
    private static string[]? Refuse(List<PresenceMember> joined, int room, int limit)
    {
        room = Math.Max(room, 0);
        if (limit == 0 || joined.Count <= room)
            return null;
        string[] refused = [.. joined[room..].Select(member => member.Connection)];
        joined.RemoveRange(room, joined.Count - room);
        return refused;
    }

    /// <summary>A front-end is no longer attached: its members have left.</summary>
    /// <returns>As of <see cref="Take"/>.</returns>
    public PresenceChange? Forget(SiloAddress frontEnd)
    {
        if (!_frontEnds.Remove(frontEnd, out var known))
            return null;
        SetWatching();
        return Change([], [.. known.Members.Values]);
    }

    /// <summary>What is so now.</summary>
    /// <param name="withMembers">Whether to list them.</param>
    public PresenceState State(bool withMembers)
    {
        var left = Settling - time.GetElapsedTime(_startedAt);
        PresenceMember[]? members = withMembers && _total <= maxListed ? [.. _frontEnds.Values.SelectMany(f => f.Members.Values)] : null;
        return new PresenceState(Run, Version, left > TimeSpan.Zero ? left : TimeSpan.Zero, _total, _users.Count, members);
    }

    /// <summary>All there is, for the silo that goes on with it.</summary>
    public MovedPresence Save() => new(
        Run,
        Version,
        time.GetElapsedTime(_startedAt),
        [.. _frontEnds.Select(f => new MovedMembers(f.Key, f.Value.Number, f.Value.Watches, [.. f.Value.Members.Values]))]);

    private PresenceChange? Change(List<PresenceMember> joined, List<PresenceMember> left)
    {
        if (joined.Count == 0 && left.Count == 0)
            return null;
        Version++;
        Count(joined, left);
        // Who watches finds out by the version, then, once there are fewer again.
        return _total <= maxListed ? new PresenceChange(channel, Run, Version, [.. joined], [.. left]) : null;
    }

    private void Count(List<PresenceMember> joined, List<PresenceMember> left)
    {
        _total += joined.Count - left.Count;
        foreach (var member in joined)
        {
            if (member.User is { } user)
                _users[user] = _users.GetValueOrDefault(user) + 1;
        }
        foreach (var member in left)
        {
            if (member.User is { } user && --_users[user] == 0)
                _users.Remove(user);
        }
    }

    private void SetWatching() => Watching = [.. _frontEnds.Where(f => f.Value.Watches).Select(f => f.Key)];

    private sealed class Announced
    {
        public long Number { get; set; }
        public bool Watches { get; set; }
        public Dictionary<string, PresenceMember> Members { get; } = new(StringComparer.Ordinal);

        // Of a list begun anew, as far as it has come.
        public Dictionary<string, PresenceMember>? Collecting { get; set; }
    }
}
