using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd.Presence;

/// <summary>
/// What the watchers of a channel on this front-end have been told of who is there. Changes come through the stream, one version after another; after a gap,
/// or from a new activation, the whole state is asked for, and what differs is told: nobody is told to have joined twice, and nobody stays who is gone.
/// Used on the channel's lane.
/// </summary>
/// <param name="maxHeld">Of changes that wait for the state they follow. More are dropped, and found by the version.</param>
internal sealed class PresenceView(int maxHeld)
{
    private readonly Dictionary<string, PresenceMember> _there = new(StringComparer.Ordinal);
    private readonly List<PresenceChange> _held = [];
    private long _run;
    private long _version;
    private bool _knowsCountsOnly;

    /// <summary>Whether a state has been seen: what is told from here on is all there is to tell.</summary>
    public bool IsPlaced { get; private set; }

    /// <summary>Whether the state has to be asked for.</summary>
    public bool NeedsState { get; private set; } = true;

    /// <summary>The state has to be asked for: the channel has been attached anew, or it was not settled.</summary>
    public void Ask() => NeedsState = true;

    /// <summary>Takes a state that was asked for.</summary>
    /// <param name="state">The state.</param>
    /// <param name="tell">Gets what watchers are to be told.</param>
    public void Place(PresenceState state, List<PresenceNews> tell)
    {
        (_run, _version, NeedsState, _knowsCountsOnly) = (state.Run, state.Version, false, state.Members is null);
        if (state.Members is { } members)
        {
            foreach (var member in members)
                Join(member, IsPlaced ? tell : null);
            // Until a new activation has heard of every front-end, who is missing there may be about to be announced.
            if (state.SettlesIn == TimeSpan.Zero)
            {
                HashSet<string> present = [.. members.Select(member => member.Connection)];
                foreach (var gone in _there.Values.Where(member => !present.Contains(member.Connection)).ToArray())
                    Leave(gone, tell);
            }
        }
        IsPlaced = true;
        var held = _held.ToArray();
        _held.Clear();
        foreach (var change in held)
            Accept(change, tell);
    }

    /// <summary>Takes a change.</summary>
    /// <param name="change">The change.</param>
    /// <param name="tell">Gets what watchers are to be told.</param>
    public void Accept(PresenceChange change, List<PresenceNews> tell)
    {
        if (NeedsState)
        {
            if (_held.Count < maxHeld)
                _held.Add(change);
            return;
        }
        // Of another activation: its state is asked for when the channel has been attached to it.
        if (change.Run != _run || change.Version <= _version)
            return;
        // The first change since there were too many is not all that has changed meanwhile.
        if (change.Version != _version + 1 || _knowsCountsOnly)
        {
            NeedsState = true;
            _held.Add(change);
            return;
        }
        _version = change.Version;
        foreach (var member in change.Left)
            Leave(member, tell);
        foreach (var member in change.Joined)
            Join(member, tell);
    }

    /// <summary>Takes a version that a beat told: every change up to it has already come, or is lost.</summary>
    public void Accept(long version)
    {
        if (version > _version)
            NeedsState = true;
    }

    private void Join(PresenceMember member, List<PresenceNews>? tell)
    {
        if (_there.TryAdd(member.Connection, member with { Info = default }))
            tell?.Add(new PresenceNews(true, member));
    }

    private void Leave(PresenceMember member, List<PresenceNews> tell)
    {
        if (_there.Remove(member.Connection, out var gone))
            tell.Add(new PresenceNews(false, gone));
    }
}

/// <summary>What a watcher is told.</summary>
/// <param name="Joined">False: it has left.</param>
/// <param name="Member">Who; of who has left, without its info.</param>
internal readonly record struct PresenceNews(bool Joined, PresenceMember Member);
