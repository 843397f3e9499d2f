using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Grains.Users;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

// Who is on the channel.
internal sealed partial class ChannelGrain
{
    /// <inheritdoc />
    public ValueTask<PresenceReply> Announce(PresenceAnnouncement announcement, CancellationToken cancellationToken = default)
    {
        if (EndIfRefused() || !IsAttached(announcement.FrontEnd))
            return new(new PresenceReply(PresenceVerdict.NotAttached));
        lock (_hosted!)
        {
            var reply = Presence.Take(announcement, out var change);
            Tell(change);
            return new(reply);
        }
    }

    /// <inheritdoc />
    public ValueTask<PresenceState> GetPresence(bool withMembers, CancellationToken cancellationToken = default)
    {
        ThrowIfRefused();
        return new(Presence.State(withMembers));
    }

    private ChannelPresence Presence => _presence ??= new ChannelPresence(_name, world.Namespaces.PresenceListOf(_name), world.Time);

    // A user comes with the first of his connections, all of which are on his own channel, and goes with the last.
    private void TellUser()
    {
        if (_presence!.HasMembers == _isUserThere || !ChannelName.IsUserChannel(_name, out var user))
            return;
        _isUserThere = !_isUserThere;
        GrainFactory.GetGrain<IUserGrain>(user).Saw(world.Time.GetUtcNow()).AsTask().Ignore();
    }

    // What a stream does not take is found by the version in the next beat.
    private void Tell(PresenceChange? change)
    {
        if (_presence is null || _presence.Version == _hosted!.PresenceVersion)
            return;
        _hosted.PresenceVersion = _presence.Version;
        TellUser();
        var envelope = change is null ? null : new StreamEnvelope(StreamEnvelope.CurrentVersion, null, null, change);
        foreach (var attached in _hosted.Attachments.Current)
        {
            if (Array.IndexOf(_presence.Watching, attached.FrontEnd.Address) < 0)
                continue;
            if (envelope is not null)
                world.Streams.TryWrite(attached.FrontEnd.Address, envelope);
            attached.MarkChanged();
        }
    }
}
