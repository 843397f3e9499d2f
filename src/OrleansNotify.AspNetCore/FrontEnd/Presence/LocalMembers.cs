using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd.Presence;

/// <summary>Which connections of this front-end are on a channel, and what of it the channel's grain has still to be told. Used on the channel's lane.</summary>
internal sealed class LocalMembers
{
    // Of one announcement: enough that a call is not the cost, few enough that a list of any length is no large message. A token, and so an info, has 8 KiB at most as configured.
    private const int MaxNamed = 500;
    private const int MaxInfoBytes = 256 << 10;

    private readonly Dictionary<string, (Subscription By, PresenceMember Member)> _members = new(StringComparer.Ordinal);
    private readonly HashSet<string> _untold = new(StringComparer.Ordinal);

    // Whom a grain has taken once: whatever becomes of its activation, a limit is for those who come after them.
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private long _told;
    private bool _beginsAnew;
    private bool _hasTold;

    /// <summary>Whether there is something to tell.</summary>
    public bool IsBehind => _beginsAnew || _untold.Count > 0;

    /// <summary>A connection is on the channel.</summary>
    public void Enter(Subscription by)
    {
        var connection = by.Connection;
        var isNew = !_members.ContainsKey(connection.Id);
        _members[connection.Id] = (by, new PresenceMember(connection.Id, connection.User, by.Token?.Info ?? connection.Identity?.Token?.Info ?? default));
        if (isNew)
            _untold.Add(connection.Id);
    }

    /// <summary>A subscription has ended; with it its connection leaves, unless another of its subscriptions has taken over.</summary>
    public void Exit(Subscription by)
    {
        if (_members.TryGetValue(by.Connection.Id, out var member) && ReferenceEquals(member.By, by))
        {
            _members.Remove(by.Connection.Id);
            _known.Remove(by.Connection.Id);
            _untold.Add(by.Connection.Id);
        }
    }

    /// <summary>By which subscription a connection is on the channel; null: it is not.</summary>
    public Subscription? Find(string connection) => _members.GetValueOrDefault(connection).By;

    /// <summary>The grain is to be told all: it is another activation, or it is not known what it was told.</summary>
    public void BeginAnew()
    {
        if (!_hasTold && _members.Count == 0)
            return;
        _beginsAnew = true;
        _told = 0;
        _untold.Clear();
        _untold.UnionWith(_members.Keys);
    }

    /// <summary>The next announcement. It counts as told; if it was not taken, <see cref="BeginAnew"/>.</summary>
    /// <param name="frontEnd">This silo.</param>
    /// <param name="number">Rises with each.</param>
    /// <param name="watches">As in <see cref="PresenceAnnouncement"/>.</param>
    /// <param name="asks">As in <see cref="PresenceAnnouncement"/>.</param>
    /// <param name="limit">As in <see cref="PresenceAnnouncement"/>, for who is new.</param>
    public PresenceAnnouncement Next(SiloAddress frontEnd, long number, bool watches, bool asks, int limit)
    {
        // What is told anew begins with those who were known, all of them.
        var beginsAnew = _beginsAnew && _untold.Overlaps(_known);
        List<PresenceMember> joined = [];
        List<string> left = [];
        var bytes = 0;
        foreach (var connection in limit > 0 ? _untold.Order(JoinOrder) : _untold.AsEnumerable())
        {
            if (joined.Count + left.Count == MaxNamed || bytes > MaxInfoBytes)
                break;
            if (beginsAnew && !_known.Contains(connection))
                continue;
            if (_members.TryGetValue(connection, out var member))
            {
                joined.Add(member.Member);
                bytes += member.Member.Info.Length;
            }
            else
            {
                left.Add(connection);
            }
        }
        _untold.ExceptWith(joined.Select(member => member.Connection));
        _untold.ExceptWith(left);
        _beginsAnew = beginsAnew && _untold.Overlaps(_known);
        var announcement = new PresenceAnnouncement(frontEnd, number, _told, [.. joined], [.. left], _beginsAnew, watches, asks && !_beginsAnew, beginsAnew ? 0 : limit);
        (_told, _hasTold) = (number, true);
        return announcement;
    }

    /// <summary>An announcement was taken.</summary>
    /// <param name="announcement">Which.</param>
    /// <param name="refused">Who of it was refused.</param>
    public void Taken(PresenceAnnouncement announcement, string[] refused) =>
        _known.UnionWith(announcement.Joined.Select(member => member.Connection).Where(connection => _members.ContainsKey(connection) && !refused.Contains(connection)));

    // The newest is the one too many. Who has gone comes first: he makes room.
    private Comparer<string> JoinOrder => Comparer<string>.Create((a, b) => NumberOf(a).CompareTo(NumberOf(b)));

    private long NumberOf(string connection) => Find(connection)?.Connection.Number ?? 0;
}
