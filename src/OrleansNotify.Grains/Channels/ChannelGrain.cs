using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Runtime.Placement;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Grains.Users;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>
/// A channel's activation: calls into <see cref="ChannelSequence"/> and <see cref="AttachmentTable"/>, and streams. A publish is one turn from its
/// first line to its answer, so turns are the writer loop: nothing waits, and no batch comes between the numbering of another and its fan-out. Only
/// a durable channel waits, for its store: <see cref="DurableChannel"/> is its writer.
/// Publishers of the same silo need no message to get a turn (<see cref="IHostedChannels"/>): what turns have in common with such a call is done
/// under one lock, so that it is a turn like any other. It is never held while something is awaited.
/// </summary>
[GrainType(TypeName), Reentrant]
internal sealed partial class ChannelGrain(ChannelSurroundings world, ILogger<ChannelGrain> logger)
    : Grain, IChannelGrain, IGrainMigrationParticipant, IDurableOwner, IHostedOwner, IDisposable
{
    /// <summary>What silos know channels by.</summary>
    public const string TypeName = "notify.channel";

    /// <summary>A larger batch is not accepted: it would hold up the channel's other callers.</summary>
    public const int MaxBatch = 1000;

    // An envelope of several publications ends here, so that a front-end's stream can be bounded finely.
    private const int EnvelopeBytes = 64 << 10;

    private const string MovedKey = "notify.channel";

    // Fan-out within a fan-out, should there ever be one, takes the way through Orleans: two channels waiting for each other would wait for ever.
    [ThreadStatic]
    private static bool _isPublishingHere;

    private string _name = "";
    private ChannelSequence _sequence = null!; // set before any call comes, or once the log has been read
    private DurableChannel? _durable;
    private HostedChannel? _hosted; // held by each turn: a lock for that alone would be 40 bytes of every channel
    private ChannelPresence? _presence; // where somebody has been announced
    private MovedChannel? _moved;
    private Moves.Move? _move;
    private long _foundIn = -1;
    private bool _isRefused;
    private bool _isClosed;
    private bool _isKnown;
    private bool _isRecoverable;
    private bool _hasTold;
    private bool _isKeptForEver;
    private bool _isUserThere;

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

    string IDurableOwner.Name => _name;

    void IDurableOwner.Opened(ChannelSequence sequence)
    {
        if (_sequence is null)
            Begin(sequence);
        else
            _sequence = sequence;
    }

    void IDurableOwner.Visible(Publication[] publications) => Stream(publications);

    void IDurableOwner.End() => End();

    // In a turn of its own.
    void IHostedOwner.Detached(SiloAddress frontEnd) => GrainContext.Scheduler.QueueAction(() => Detached(frontEnd));

    // Where nobody is attached each publish puts off this activation's end, which is for turns; a durable channel answers later anyway. And only while the
    // cluster is the one in which a call found its way here through Orleans: in another one it may find another activation.
    PublishResult[]? IHostedOwner.TryPublish(PublicationDraft[] batch, bool mayWait)
    {
        if (_isPublishingHere || _durable is not null || batch.Length > MaxBatch || !Monitor.TryEnter(_hosted!, mayWait ? Timeout.Infinite : 0))
            return null;
        try
        {
            var isMine = !_isClosed && _isKnown && _hosted!.Attachments.Current.Length > 0 && _foundIn == world.Epochs.MembershipVersion;
            return isMine && world.Pulse.IsCertain ? PublishNow(batch) : null;
        }
        finally
        {
            Monitor.Exit(_hosted!);
        }
    }

    /// <inheritdoc />
    public ValueTask<PublishResult[]> Publish(PublicationDraft[] batch, CancellationToken cancellationToken = default)
    {
        // All checks that can throw come before the first number: a batch is published as a whole or not at all.
        ArgumentNullException.ThrowIfNull(batch);
        foreach (var draft in batch)
            ArgumentNullException.ThrowIfNull(draft, nameof(batch));
        if (EndIfRefused())
            return new(Refuse(batch, PublishRefusal.NotAccepted));
        if (!_isKnown)
            return new(Refuse(batch, PublishRefusal.UnknownNamespace));
        if (batch.Length > MaxBatch || !world.Pulse.IsCertain || cancellationToken.IsCancellationRequested)
            return new(Refuse(batch, PublishRefusal.NotAccepted));

        if (_durable is not null)
        {
            _hasTold = true;
            return _durable.Publish(batch);
        }
        lock (_hosted!)
        {
            _foundIn = world.Epochs.MembershipVersion;
            var results = PublishNow(batch);
            if (_hosted!.Attachments.Current.Length == 0)
                KeepAlive();
            return new(results);
        }
    }

    private PublishResult[] PublishNow(PublicationDraft[] batch)
    {
        _hasTold = true;
        var numbered = _sequence.Number(batch);
        _sequence.Keep(numbered);
        if (numbered.Publications.Length == 0)
            return numbered.Results;
        _isPublishingHere = true;
        try
        {
            Stream(numbered.Publications);
        }
        finally
        {
            _isPublishingHere = false;
        }
        return numbered.Results;
    }

    /// <inheritdoc />
    public ValueTask<AttachReply> Attach(Attachment attachment, CancellationToken cancellationToken = default)
    {
        if (EndIfRefused())
            return new(new AttachReply(Superseded: true, default, world.Silo.SiloAddress, Recoverable: false));
        return _durable is null ? new(Attach(attachment, IsSuperseded(attachment.SeenEpoch))) : AttachDurable(_durable, attachment);
    }

    private async ValueTask<AttachReply> AttachDurable(DurableChannel durable, Attachment attachment)
    {
        await durable.WhenOpen();
        return Attach(attachment, await durable.IsSuperseded(new ChannelPosition(attachment.SeenEpoch, attachment.SeenOffset)));
    }

    private AttachReply Attach(Attachment attachment, bool isSuperseded)
    {
        if (isSuperseded)
            return new AttachReply(true, default, world.Silo.SiloAddress, _isRecoverable);
        lock (_hosted!)
        {
            _hasTold = true;
            _foundIn = world.Epochs.MembershipVersion;
            var invitedAt = world.Table.Attach(_hosted!, attachment.FrontEnd, attachment.Number);
            KeepAlive();
            return new AttachReply(false, _sequence.Position, world.Silo.SiloAddress, _isRecoverable, invitedAt);
        }
    }

    /// <inheritdoc />
    public ValueTask Detach(SiloAddress frontEnd, long number, CancellationToken cancellationToken = default)
    {
        if (EndIfRefused())
            return default;
        lock (_hosted!)
        {
            world.Table.Detach(_hosted!, frontEnd, number);
            Detached(frontEnd);
        }
        return default;
    }

    // Its members end with its attachment, unless it has attached again meanwhile.
    private void Detached(SiloAddress frontEnd)
    {
        lock (_hosted!)
        {
            if (_presence is not null && !IsAttached(frontEnd))
                Tell(_presence.Forget(frontEnd));
            KeepAlive();
        }
    }

    private bool IsAttached(SiloAddress frontEnd) => Array.Exists(_hosted!.Attachments.Current, attached => attached.FrontEnd.Address.Equals(frontEnd));

    /// <inheritdoc />
    public ValueTask<HistoryPage> Read(HistoryRequest request, CancellationToken cancellationToken = default)
    {
        ThrowIfRefused();
        return _durable is null ? new(Read(request, IsSuperseded(request.SeenEpoch))) : ReadDurable(_durable, request);
    }

    private async ValueTask<HistoryPage> ReadDurable(DurableChannel durable, HistoryRequest request)
    {
        await durable.WhenOpen();
        return Read(request, await durable.IsSuperseded(new ChannelPosition(request.SeenEpoch, 0)));
    }

    private HistoryPage Read(HistoryRequest request, bool isSuperseded)
    {
        if (isSuperseded)
            return new HistoryPage(true, default, [], false);
        lock (_hosted!)
        {
            _hasTold = true;
            return _sequence.Read(request, world.Limits);
        }
    }

    /// <inheritdoc />
    public async ValueTask<ChannelPosition> GetPosition(CancellationToken cancellationToken = default)
    {
        ThrowIfRefused();
        if (_durable is not null)
            await _durable.WhenOpen();
        lock (_hosted!)
        {
            _hasTold = true;
            return _sequence.Position;
        }
    }

    /// <inheritdoc />
    public async ValueTask<ChannelPosition> Erase(CancellationToken cancellationToken = default)
    {
        ThrowIfRefused();
        _hasTold = true;
        if (_durable is not null)
            await _durable.Erase();
        lock (_hosted!)
        {
            if (_durable is null)
                _sequence.Erase();
            _hosted!.Begins(_sequence.Position, _sequence.HistoryCount);
            return _sequence.Position;
        }
    }

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

    private static PublishResult[] Refuse(PublicationDraft[] batch, PublishRefusal refusal)
    {
        var results = new PublishResult[batch.Length];
        Array.Fill(results, new PublishResult(refusal, null, default));
        return results;
    }

    // One envelope for all front-ends. What a stream does not take is found by the next beat: it never changes an answer.
    private void Stream(Publication[] publications)
    {
        var attached = _hosted!.Attachments.Current;
        if (_hosted.Invited is { Length: > 0 } invited)
            attached = [.. attached, .. invited];
        if (attached.Length > 0)
        {
            var from = 0;
            var bytes = 0;
            for (var i = 0; i < publications.Length; i++)
            {
                var cost = History.Cost(publications[i]);
                if (i > from && bytes + cost > EnvelopeBytes)
                {
                    Write(attached, publications[from..i]);
                    (from, bytes) = (i, 0);
                }
                bytes += cost;
            }
            Write(attached, from == 0 ? publications : publications[from..]);
        }
        _hosted.Came(_sequence.Position.Offset, _sequence.HistoryCount);
    }

    private void Write(AttachedFrontEnd[] attached, Publication[] publications)
    {
        var envelope = new StreamEnvelope(StreamEnvelope.CurrentVersion, new ChannelPublications(_name, _sequence.Epoch, publications), null);
        foreach (var frontEnd in attached)
            world.Streams.TryWrite(frontEnd.FrontEnd.Address, envelope);
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
