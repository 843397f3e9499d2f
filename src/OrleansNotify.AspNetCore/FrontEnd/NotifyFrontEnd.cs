using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Patterns;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// The front-end of this silo: spreads the one stream addressed to it over the fan-out lanes, and holds the connections.
/// </summary>
internal sealed partial class NotifyFrontEnd : IFrontEnd, IFanOut, INotifySessions, IConnectionDirectory, IConnectionKeeper, IFrontEndReadiness
{
    // How long a user's session waits for its own channel before it begins without (it is attached as soon as possible all the same).
    private static readonly TimeSpan BeginPatience = TimeSpan.FromSeconds(5);

    private readonly ChannelLane[] _lanes;
    private readonly ConnectionTable _connections;
    private readonly SubscriptionCounts _counts;
    private readonly ChannelCalls _calls;
    private readonly BeatMonitor _beats;
    private readonly IOwnPatterns _patterns;
    private readonly TokenVerifier _tokens;
    private readonly RevokedTokens _revoked;
    private readonly IConnectionWatch _watch;
    private readonly Session.Surroundings _sessions;
    private readonly ConnectionCuts _cuts;
    private readonly LimitOptions _limits;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private long _numbers;
    private volatile bool _stopping;

    public NotifyFrontEnd(
        ChannelCalls calls,
        AttachedChannels attached,
        BeatMonitor beats,
        ConnectionTable connections,
        SubscriptionCounts counts,
        NotifyMetrics metrics,
        ChannelNamespaces namespaces,
        ChannelLimitOptions channelLimits,
        ChannelPublisher publisher,
        IOwnPatterns patterns,
        TokenVerifier tokens,
        RevokedTokens revoked,
        IConnectionWatch watch,
        IOptions<LimitOptions> limits,
        TimeProvider time,
        ILogger<NotifyFrontEnd> logger)
    {
        (_calls, _beats, _connections, _counts, _patterns, _tokens, _revoked, _watch, _limits, _time, _logger) = (calls, beats, connections, counts, patterns, tokens, revoked, watch, limits.Value, time, logger);
        Metrics = metrics;
        _cuts = new ConnectionCuts(time);
        _sessions = new Session.Surroundings(new ChannelAccess(namespaces), namespaces, calls, publisher, tokens, new CommandRates(_limits, time), _limits.SubscriptionsPerConnection, channelLimits.HistoryPageSize);
        // As many lanes as processors: more would only take turns.
        _lanes = new ChannelLane[Math.Max(1, Environment.ProcessorCount)];
        for (var i = 0; i < _lanes.Length; i++)
        {
            _lanes[i] = new ChannelLane(
                hasDelivery => new LocalChannel.Surroundings(calls, attached, connections, namespaces, channelLimits, metrics, time, new EventBatch(metrics), new EventBatch(metrics), Post, hasDelivery, _limits.ConnectionsPerUser), logger);
        }
    }

    /// <summary>Counts what happens here.</summary>
    public NotifyMetrics Metrics { get; }

    /// <inheritdoc />
    public int HistoryPageSize => _sessions.HistoryPageSize;

    /// <inheritdoc />
    public bool IsReady => !_stopping && KnowsRevoked && LaneOf(ChannelName.Broadcast).EveryoneReady && LaneOf(ChannelName.System).EveryoneReady;

    /// <inheritdoc />
    public string Reason => _stopping ? "shutting down" : KnowsRevoked ? "not yet attached to the channels that reach everyone" : "has not read yet which tokens are revoked";

    // Until then nobody gets in.
    private bool KnowsRevoked => !_tokens.IsOn || _revoked.AreKnown;

    /// <inheritdoc />
    public void Receive(StreamEnvelope envelope, bool more)
    {
        if (envelope.Version == StreamEnvelope.CurrentVersion)
        {
            if (envelope.Publications is { } publications)
                LaneOf(publications.Channel).Worker.Post(publications);
            else if (envelope.Beat is { } beat)
                _beats.Receive(beat, this);
            else if (envelope.Presence is { } presence)
                LaneOf(presence.Channel).Worker.Post(new Addressed(presence.Channel, presence));
        }
        if (more)
            return;
        foreach (var lane in _lanes)
            lane.Worker.Kick(inline: true);
    }

    /// <inheritdoc />
    public void ReceiveLocal(StreamEnvelope envelope)
    {
        var publications = envelope.Publications!;
        LaneOf(publications.Channel).Worker.Pass(publications);
    }

    /// <summary>Hands work to a channel's lane.</summary>
    public void Post(string channel, object work)
    {
        var worker = LaneOf(channel).Worker;
        worker.Post(new Addressed(channel, work));
        worker.Kick(inline: false);
    }

    /// <summary>Attaches the channels of a silo again.</summary>
    public void AttachAgain(SiloAddress host) => PostToAll(new AttachAgainOn(host));

    /// <summary>What is attached to a silo.</summary>
    public Task<AttachedChannel[]> AttachedTo(SiloAddress host)
    {
        var listing = new AttachedListing(host, _lanes.Length);
        PostToAll(listing);
        return listing.Whole;
    }

    /// <summary>Attaches these channels again.</summary>
    public void AttachAgain(IReadOnlyCollection<string> channels)
    {
        foreach (var group in channels.GroupBy(LaneOf))
        {
            group.Key.Worker.Post(new AttachAgain([.. group]));
            group.Key.Worker.Kick(inline: false);
        }
    }

    /// <summary>Attaches the channels that reach everyone.</summary>
    public void AttachEveryone()
    {
        Post(ChannelName.Broadcast, new EveryoneWork());
        Post(ChannelName.System, new EveryoneWork());
    }

    /// <summary>Lets go of channels nobody has wanted for a while.</summary>
    public void Sweep() => PostToAll(new SweepWork());

    /// <summary>Tells filtered subscriptions where their channels are.</summary>
    public void TellPassed() => PostToAll(new PassedWork());

    /// <inheritdoc />
    public async Task<INotifySession> Begin(SessionStart start, CancellationToken cancellationToken)
    {
        var number = Interlocked.Increment(ref _numbers);
        var outbox = new Outbox(start.Sink, Metrics, _time, _limits.OutboxBytes);
        var connection = new Connection(number, ConnectionId.Format(_calls.FrontEnd, number), start.Transport, _time.GetUtcNow(), start.Format, start.Sink, outbox, _counts, start.IsOwn ? null : _watch)
        {
            Keeper = this,
        };
        outbox.Owner = connection;
        Heard(connection);
        if (!start.IsOwn)
        {
            _deadlines.Add(connection);
            _connections.Add(connection);
            _counts.Connected();
        }
        if (!_tokens.IsOn)
            await Admit(connection, Identity.WithoutToken(start.User), cancellationToken);
        else if (start.Token is { } token)
            await Admit(connection, token, cancellationToken);
        if (_stopping)
            connection.Close(DisconnectCode.Shutdown, "The server shuts down; reconnect.");
        return new Session(this, connection, _sessions);
    }

    /// <inheritdoc />
    public void Together(Action publish)
    {
        foreach (var lane in _lanes)
            lane.Worker.Hold();
        try
        {
            publish();
        }
        finally
        {
            foreach (var lane in _lanes)
                lane.Worker.Release();
        }
    }

    /// <summary>Hands a subscription to its channel, or to all whom its pattern concerns.</summary>
    public void Join(Subscription subscription)
    {
        if (subscription.ByPattern is { } pattern)
            _ = Tell(pattern);
        else
            Post(subscription.Channel, subscription);
    }

    /// <summary>Takes a subscription from its channel.</summary>
    /// <param name="subscription">Which; the connection has let go of it.</param>
    /// <param name="command">What to answer; null when the connection has ended.</param>
    public void Leave(Subscription subscription, UnsubscribeCommand? command)
    {
        if (subscription.ByPattern is { } pattern)
            _ = Leave(pattern, command);
        else
            Post(subscription.Channel, new LeaveWork(subscription, command));
    }

    /// <inheritdoc />
    public ConnectionInfo[] List(ConnectionQuery query) => _connections.List(query);

    /// <inheritdoc />
    public bool Disconnect(long number)
    {
        if (_connections.Find(number) is not { IsClosing: false } connection)
            return false;
        connection.Close(DisconnectCode.DisconnectedByApi, "Disconnected through the API.");
        return true;
    }

    private ChannelLane LaneOf(string channel) => _lanes[(uint)channel.GetHashCode(StringComparison.Ordinal) % (uint)_lanes.Length];
}
