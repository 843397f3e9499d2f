using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
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

    string IDurableOwner.Name => _name;

    void IDurableOwner.Visible(Publication[] publications) => Stream(publications);

    void IDurableOwner.End() => End();

    // In a turn of its own.
    void IHostedOwner.Detached(SiloAddress frontEnd) => GrainContext.Scheduler.QueueAction(() => Detached(frontEnd));

    // Where nobody is attached each publish puts off this activation's end, which is for turns; a durable channel answers later anyway. And only while the
    // cluster is the one in which a call found its way here through Orleans: in another one it may find another activation.
    bool IHostedOwner.TryPublish(ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results, bool mayWait)
    {
        if (_isPublishingHere || _durable is not null || batch.Length > MaxBatch || !Monitor.TryEnter(_hosted!, mayWait ? Timeout.Infinite : 0))
            return false;
        try
        {
            var isMine = !_isClosed && _isKnown && _hosted!.Attachments.Current.Length > 0 && _foundIn == world.Epochs.MembershipVersion;
            if (!isMine || !world.Pulse.IsCertain)
                return false;
            PublishNow(batch, results);
            return true;
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
            var results = new PublishResult[batch.Length];
            PublishNow(batch, results);
            if (_hosted!.Attachments.Current.Length == 0)
                KeepAlive();
            return new(results);
        }
    }

    private void PublishNow(ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results)
    {
        _hasTold = true;
        var numbered = _sequence.Number(batch, results);
        _sequence.Keep(numbered);
        if (numbered.Publications.Length == 0)
            return;
        _isPublishingHere = true;
        try
        {
            Stream(numbered.Publications);
        }
        finally
        {
            _isPublishingHere = false;
        }
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
}
