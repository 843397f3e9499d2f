using Microsoft.Extensions.Logging;
using Orleans.Runtime.Placement;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

// How an activation comes to life, moves to another silo, and ends: by the end of its silo, by a higher epoch, or since nobody wants it.
internal sealed partial class ChannelGrain
{
    private const string MovedKey = "notify.channel";

    /// <inheritdoc />
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _name = this.GetPrimaryKeyString();
        // What has moved lives already; and what reaches everyone, every front-end waits for.
        _isRefused = _moved is null && !ChannelName.ReachesEveryone(_name) && !world.Activations.TryTake();
        if (_isRefused)
            return;
        // Not before every front-end is known that wants it by pattern: what it accepted would be missing there.
        if (ChannelPattern.CanMatch(_name, out _))
            await world.Patterns.WhenKnown().WaitAsync(cancellationToken);
        var options = ChannelName.TryCheck(_name, out _) ? world.Namespaces.Find(_name) : null;
        _isKnown = options is not null;
        options ??= new NamespaceOptions { Class = ChannelClass.Ephemeral };
        _isRecoverable = options.Class != ChannelClass.Ephemeral;
        _hasTold = _moved is not null;
        // Attachments also end outside of this grain's turns: by lease, by the death of a silo.
        _hosted = new HostedChannel(_name, this);
        if (_moved?.Presence is { } presence)
        {
            _presence = new ChannelPresence(_name, world.Namespaces.PresenceListOf(_name), presence, world.Time);
            _hosted.PresenceVersion = _presence.Version;
            _isUserThere = _presence.HasMembers;
        }
        if (options.Class == ChannelClass.Durable)
        {
            var durable = world.Durable!; // or the host would not have started
            _durable = new DurableChannel(this, () => new ChannelLog(durable.Storage, this.GetGrainId(), durable.Codec), durable, options);
            _durable.Start();
            return;
        }
        Begin(_moved?.Sequence is null
            ? new ChannelSequence(options, world.Epochs.Next(), world.Time)
            : new ChannelSequence(options, _moved.Sequence, world.Time));
    }

    private void Begin(ChannelSequence sequence)
    {
        _sequence = sequence;
        _hosted!.Begins(_sequence.Position, _sequence.HistoryCount);
        world.Table.Add(_hosted, _moved?.FrontEnds ?? []);
        if (_moved is not null)
        {
            LogMovedIn(_name, _sequence.Position.Epoch, _sequence.Position.Offset);
            KeepAlive();
        }
        _moved = null;
    }

    void IDurableOwner.Opened(ChannelSequence sequence)
    {
        if (_sequence is null)
            Begin(sequence);
        else
            _sequence = sequence;
    }

    /// <inheritdoc />
    /// <remarks>
    /// Orleans lets activations end with their silo; here they move. The place is chosen by us: until the membership has been read by all, Orleans
    /// may choose the very silo that stops, or another one that stops as well.
    /// </remarks>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        Close();
        if (_durable is not null)
            await _durable.Stop();
        if (reason.ReasonCode != DeactivationReasonCode.ShuttingDown || !_hasTold)
            return;
        _move = await world.Moves.Begin((_durable is null ? _sequence.MoveBytes : 0) + (_presence?.MoveBytes ?? 0), cancellationToken);
        if (_move is null)
            return;
        RequestContext.Set(IPlacementDirector.PlacementHintKey, _move.Target);
        this.MigrateOnIdle();
    }

    /// <inheritdoc />
    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        if (_hosted is null)
            return;
        dehydrationContext.TryAddValue(MovedKey, new MovedChannel(_durable is null ? _sequence.Save() : null, world.Table.Save(_hosted), _presence?.Save()));
        // Should the other silo not take it, the front-ends find out by the count in the next beat, or by the end of this silo.
        _hosted.HasMoved = true;
    }

    /// <inheritdoc />
    public void OnRehydrate(IRehydrationContext rehydrationContext)
    {
        // No more than remembering: this activation may yet turn out to be one too many.
        if (rehydrationContext.TryGetValue<MovedChannel>(MovedKey, out var moved))
            _moved = moved;
    }

    /// <summary>The activation has ended: it has moved, or its front-ends are told.</summary>
    public void Dispose()
    {
        Close();
        if (_hosted is not null)
            world.Table.Remove(_hosted);
        _move?.Dispose();
    }

    private void End()
    {
        Close();
        DeactivateOnIdle();
    }

    // From here on what it has does not change: Orleans sends every call to the next activation, and this one's silo must not know better.
    private void Close()
    {
        if (_hosted is null)
            return;
        lock (_hosted)
            _isClosed = true;
    }

    // One too many for this silo now. It ends with its first call, which learns so: had it ended when it began, its callers would be handed on to the next
    // activation, and that one's to one more.
    private bool EndIfRefused()
    {
        if (_isRefused)
            DeactivateOnIdle();
        return _isRefused;
    }

    private void ThrowIfRefused()
    {
        if (EndIfRefused())
            throw new OrleansException("Too many channels come to life on this silo at once (Notify:Limits:ActivationsPerSecond); try again in a moment.");
    }

    // Two activations of one channel can exist at once. The one of the lower epoch ends as soon as somebody shows it the higher one; but one that has
    // not told anybody its epoch yet takes a higher one instead: clocks differ, and it would be of a lower epoch again and again.
    private bool IsSuperseded(ChannelEpoch seen)
    {
        if (seen <= _sequence.Epoch)
            return false;
        world.Epochs.Shown(seen);
        lock (_hosted!)
        {
            if (!_hasTold)
            {
                _sequence.Epoch = world.Epochs.Next();
                _hosted!.Begins(_sequence.Position, 0);
                return false;
            }
        }
        LogSuperseded(_name, _sequence.Epoch, seen);
        End();
        return true;
    }

    // ARCHITECTURE, Lifetime. Orleans measures the last use by itself.
    private void KeepAlive()
    {
        if (_hosted!.Attachments.Current.Length > 0)
        {
            if (!_isKeptForEver)
                DelayDeactivation(Timeout.InfiniteTimeSpan);
            _isKeptForEver = true;
            return;
        }
        if (_isKeptForEver)
            DelayDeactivation(TimeSpan.Zero); // takes the collection back that was put off for ever; a positive time would not
        _isKeptForEver = false;
        // What a durable channel has, its log has: the next activation reads it.
        DelayDeactivation((_durable is null ? _sequence.TimeLeft : TimeSpan.Zero) + world.CollectionAge);
    }

    [LoggerMessage(2001, LogLevel.Warning, "Channel {Channel}: this activation's epoch {Epoch} is lower than {Seen}, which a front-end has seen; it ends.")]
    private partial void LogSuperseded(string channel, ChannelEpoch epoch, ChannelEpoch seen);

    [LoggerMessage(2002, LogLevel.Debug, "Channel {Channel} has moved here, at offset {Offset} of epoch {Epoch}.")]
    private partial void LogMovedIn(string channel, ChannelEpoch epoch, ulong offset);
}
