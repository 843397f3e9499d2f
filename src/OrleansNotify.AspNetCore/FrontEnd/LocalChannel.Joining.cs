using System.Buffers;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// How a subscription comes in and goes: its place is the cursor at one moment of the lane, so that history up to it and live publications behind it
// meet without gap or duplicate.
internal sealed partial class LocalChannel
{
    // Readings of history under way; they end on any thread.
    private readonly Dictionary<HistoryRequest, Task<HistoryPage?>> _reads = [];

    /// <summary>Takes a subscription in.</summary>
    public void Join(Subscription subscription)
    {
        if (subscription.State == SubscriptionState.Ended)
            return;
        _idleSince = 0;
        if (!_cursor.IsPlaced || !CanWatch(subscription))
        {
            if (_waiting.Count == 0)
                _waitingSince = world.Time.GetTimestamp();
            _waiting.Add(subscription);
            if (!_cursor.IsPlaced)
                Attach();
            return;
        }
        Deliver(); // what is collected belongs to those who were here before
        if (subscription.IsImplicit)
        {
            if (_asked?.ContainsKey(subscription.Connection) != true)
            {
                AddLive(subscription);
                Enter(subscription);
            }
            subscription.Joined?.TrySetResult();
            return;
        }
        if (subscription.By is not null && !Include(subscription))
            return;
        if (subscription.By is null)
        {
            Enter(subscription); // before the other goes: nobody leaves by that
            TakeOver(subscription);
        }
        var command = subscription.Command!;
        switch (command)
        {
            case { Recover: { } from } when from.Epoch == _cursor.Epoch && from.Offset == _cursor.Offset:
                Answer(subscription, _cursor.Position, recovered: true);
                break;
            case { Recover: { Epoch: { } epoch } from } when _recoverable && epoch >= _cursor.Epoch:
                Read(subscription, epoch == _cursor.Epoch && from.Offset < _cursor.Offset
                    ? new HistoryRequest(from.Offset, _cursor.Offset, RecoveryLimit, false, _cursor.Epoch)
                    : new HistoryRequest(0, 0, 0, false, _cursor.Epoch)); // ahead of this front-end: ask the grain where the channel is
                break;
            case { Recover: not null }:
                Answer(subscription, _cursor.Position, recovered: false);
                break;
            case { History: > 0 } when _recoverable && _cursor.Offset > 0:
                Read(subscription, new HistoryRequest(0, _cursor.Offset, command.History.Value, true, _cursor.Epoch));
                break;
            default:
                Answer(subscription, _cursor.Position, recovered: null);
                break;
        }
    }

    /// <summary>Takes the history that a subscription asked for.</summary>
    public void Accept(HistoryAnswer answer)
    {
        var subscription = answer.Subscription;
        if (subscription.State != SubscriptionState.Reading || !ReferenceEquals(subscription.Request, answer.Request))
            return;
        if (answer.Page is not { Superseded: false } page || page.Position.Epoch < _cursor.Epoch)
        {
            if (answer.Page is null && world.Time.GetElapsedTime(subscription.ReadingSince) > JoinPatience)
                Fail(subscription);
            else
                Read(subscription, answer.Request.Request, retry: true);
            return;
        }
        if (page.Position.Epoch > _cursor.Epoch)
        {
            JoinAgain(subscription);
            return;
        }
        Deliver();
        var at = new ChannelPosition(_cursor.Epoch, subscription.JoinedAt);
        if (subscription.Command!.Recover is not { } from)
        {
            Answer(subscription, at, recovered: null, [.. page.Publications.Reverse()]); // the page is others', too
        }
        else if (from.Epoch == _cursor.Epoch && from.Offset > subscription.JoinedAt)
        {
            if (from.Offset <= page.Position.Offset)
                Answer(subscription, new ChannelPosition(_cursor.Epoch, from.Offset), recovered: true);
            else
                AnswerUnrecovered(subscription);
        }
        else if (from.Epoch == _cursor.Epoch && page.Gapless && (ulong)page.Publications.Length == subscription.JoinedAt - from.Offset)
        {
            Answer(subscription, at, recovered: true, page.Publications);
        }
        else
        {
            AnswerUnrecovered(subscription);
        }
    }

    /// <summary>The recovered part is out: what waited behind it follows, then the subscription is live.</summary>
    public void CaughtUp(Subscription subscription)
    {
        if (subscription.State == SubscriptionState.CatchingUp)
        {
            Deliver();
            GoLive(subscription);
        }
    }

    /// <summary>Lets a subscription go.</summary>
    /// <param name="subscription">Which.</param>
    /// <param name="command">What to answer; null when the connection has ended.</param>
    public void Leave(Subscription subscription, UnsubscribeCommand? command)
    {
        if (subscription.State == SubscriptionState.Ended)
            return;
        if (command is not null && subscription.State != SubscriptionState.Live)
        {
            subscription.Leaving = command; // both replies in their order, once it has joined
            return;
        }
        Deliver();
        // Back to what the user has without asking.
        var given = !subscription.IsImplicit && _asked is not null && !ReachesEveryone && !subscription.Connection.IsClosing ? new Subscription(subscription.Connection, name, null) : null;
        if (given is not null)
            Enter(given);
        Remove(subscription);
        if (command is not null)
            subscription.Connection.Send(subscription.Connection.Format.Unsubscribed(command.Id.Span, name));
        if (given is not null)
            AddLive(given);
    }

    /// <summary>A connection of the user whose channel this is has ended: what it had without asking goes.</summary>
    public void Depart(Connection connection)
    {
        if (_live.Find(s => s.IsImplicit && ReferenceEquals(s.Connection, connection)) is { } live)
            Remove(live);
        if (_waiting.Find(s => s.IsImplicit && ReferenceEquals(s.Connection, connection)) is { } waiting)
            Remove(waiting);
    }

    private const int RecoveryLimit = 300; // PROMISES, default limits: recovery

    private void JoinWaiting()
    {
        if (_waiting.Count == 0)
            return;
        Subscription[] waiting = [.. _waiting];
        _waiting.Clear();
        foreach (var subscription in waiting)
            Join(subscription);
    }

    private void JoinAgain(Subscription subscription)
    {
        _catchingUp.Remove(subscription);
        subscription.State = SubscriptionState.Joining;
        subscription.DropHeld();
        subscription.Has = 0;
        if (_waiting.Count == 0)
            _waitingSince = world.Time.GetTimestamp();
        _waiting.Add(subscription);
        Attach();
    }

    private void FailImpatient()
    {
        if (_waiting.Count == 0 || world.Time.GetElapsedTime(_waitingSince) < JoinPatience)
            return;
        Subscription[] waiting = [.. _waiting];
        _waiting.Clear();
        foreach (var subscription in waiting)
            Fail(subscription);
    }

    private void Fail(Subscription subscription)
    {
        var connection = subscription.Connection;
        Remove(subscription);
        subscription.Joined?.TrySetResult();
        if (subscription.By is not null)
        {
            GiveUpRecovery(subscription);
            subscription.Send(connection.Format.Error(default, NotifyError.Internal, "The channel cannot be reached now, and was not recovered.", name));
        }
        else if (subscription.Command is { } command && connection.Remove(subscription))
        {
            world.Counts.Unsubscribed(name);
            world.Metrics.Error(NotifyError.Internal);
            connection.Send(connection.Format.Error(command.Id.Span, NotifyError.Internal, "The channel cannot be reached now; subscribe again in a moment.", name));
        }
    }

    // The subscription's place is fixed: from now on live frames wait behind what is read.
    private void Read(Subscription subscription, HistoryRequest request, bool retry = false)
    {
        if (!retry)
        {
            subscription.State = SubscriptionState.Reading;
            subscription.ReadingSince = world.Time.GetTimestamp();
            subscription.JoinedAt = _cursor.Offset;
            if (subscription.Command!.Recover is { } from && from.Epoch == _cursor.Epoch)
                subscription.Has = Math.Max(_cursor.Offset, from.Offset);
            _catchingUp.Add(subscription);
        }
        var asked = subscription.Request = new HistoryAsked(request);
        _ = Call(subscription.Connection.CatchUp);

        async Task Call(Task before)
        {
            await before; // one catch-up at a time per connection bounds what recovery holds in memory
            if (retry)
                await Task.Delay(TimeSpan.FromMilliseconds(200), world.Time);
            world.Post(name, new HistoryAnswer(subscription, asked, await ReadOnce(request)));
        }
    }

    // Single flight: clients that come back together have missed the same.
    private Task<HistoryPage?> ReadOnce(HistoryRequest request)
    {
        lock (_reads)
        {
            if (_reads.TryGetValue(request, out var underWay))
                return underWay;
            var reading = Read();
            if (!reading.IsCompleted)
                _reads.Add(request, reading);
            return reading;
        }

        async Task<HistoryPage?> Read()
        {
            var page = await world.Calls.Read(name, request);
            lock (_reads)
                _reads.Remove(request);
            return page;
        }
    }

    private void AnswerUnrecovered(Subscription subscription)
    {
        // Joins here and now: what was held had been cut by a position that turned out to be none.
        subscription.DropHeld();
        subscription.Has = 0;
        Answer(subscription, _cursor.Position, recovered: false);
    }

    private void Answer(Subscription subscription, ChannelPosition position, bool? recovered, Publication[]? first = null)
    {
        var connection = subscription.Connection;
        subscription.Send(subscription.By is null
            ? connection.Format.Subscribed(subscription.Command!.Id.Span, name, position, _recoverable, recovered)
            : connection.Format.Position(name, position, recovered == true));
        subscription.EpochSeen = EpochCount;
        if (first is not { Length: > 0 })
        {
            GoLive(subscription);
            return;
        }
        var frames = Encode(connection.Format, first);
        if (frames.Count == 1)
        {
            connection.Outbox.EnqueueBacklog(frames[0]);
            GoLive(subscription);
            return;
        }
        subscription.State = SubscriptionState.CatchingUp;
        connection.CatchUp = Feed(connection, frames, subscription);
    }

    // Recovered frames go out as the socket drains and are not counted in the outbox: else recovery itself would close a client as slow.
    private async Task Feed(Connection connection, List<Frame> frames, Subscription subscription)
    {
        foreach (var frame in frames)
        {
            connection.Outbox.EnqueueBacklog(frame);
            await connection.Outbox.WaitForRoom();
        }
        world.Post(name, new CatchUpDone(subscription));
    }

    private List<Frame> Encode(IFrameFormat format, Publication[] publications)
    {
        var output = new ArrayBufferWriter<byte>();
        List<Frame> frames = [];
        var events = 0;
        foreach (var publication in publications)
        {
            format.WriteEvent(output, name, null, publication);
            events++;
            if (output.WrittenCount >= 32 << 10)
                Cut();
        }
        Cut();
        return frames;

        void Cut()
        {
            if (events == 0)
                return;
            frames.Add(new Frame(output.WrittenSpan.ToArray(), events));
            output.ResetWrittenCount();
            events = 0;
        }
    }

    private void GoLive(Subscription subscription)
    {
        _catchingUp.Remove(subscription);
        subscription.Command = null;
        subscription.Request = null;
        while (subscription.Held is { Count: > 0 } held)
            subscription.Send(held.Dequeue());
        subscription.DropHeld();
        AddLive(subscription);
        subscription.Joined?.TrySetResult();
        if (subscription.Leaving is { } leaving)
            Leave(subscription, leaving);
    }

    private void AddLive(Subscription subscription)
    {
        subscription.State = SubscriptionState.Live;
        subscription.Index = _live.Count;
        _live.Add(subscription);
    }

    // The client's own subscription takes the place of the one it has without asking, at this very offset.
    private void TakeOver(Subscription subscription)
    {
        TakeOverPatterned(subscription.Connection);
        if (_asked is null)
            return;
        var given = _live.Find(s => s.IsImplicit && ReferenceEquals(s.Connection, subscription.Connection));
        if (given is not null)
            Remove(given);
        _asked[subscription.Connection] = subscription;
    }

    private void Remove(Subscription subscription)
    {
        if (subscription.Index >= 0)
        {
            var last = _live[^1];
            _live[subscription.Index] = last;
            last.Index = subscription.Index;
            _live.RemoveAt(_live.Count - 1);
            subscription.Index = -1;
        }
        else if (!_catchingUp.Remove(subscription))
        {
            _waiting.Remove(subscription);
        }
        if (_asked is not null && _asked.TryGetValue(subscription.Connection, out var asked) && ReferenceEquals(asked, subscription))
            _asked.Remove(subscription.Connection);
        subscription.State = SubscriptionState.Ended;
        subscription.DropHeld();
        Exit(subscription);
        if (subscription.By is null)
            GiveBackPatterned(subscription.Connection);
    }

    private void Hold(Subscription subscription)
    {
        var connection = subscription.Connection;
        var frame = world.Batch.FrameFor(connection.Format, subscription.State == SubscriptionState.CatchingUp && subscription.EpochSeen != EpochCount, subscription.Has, connection.Id);
        if (frame is null)
            return;
        subscription.EpochSeen = EpochCount;
        Hold(subscription, frame);
    }

    private static void Hold(Subscription subscription, Frame frame)
    {
        subscription.HeldBytes += frame.Bytes.Length;
        if (subscription.HeldBytes > MaxHeldBytes)
            subscription.Connection.Close(DisconnectCode.Slow, "The client reads too slowly: too much was waiting behind its history.");
        else
            (subscription.Held ??= new()).Enqueue(frame);
    }

    private const long MaxHeldBytes = 1 << 20; // as an outbox: PROMISES, default limits
}

/// <summary>One reading of history for a subscription; a new one makes the answer to the former stale.</summary>
internal sealed record HistoryAsked(HistoryRequest Request);

/// <summary>What became of it; the page is null when the call failed.</summary>
internal sealed record HistoryAnswer(Subscription Subscription, HistoryAsked Request, HistoryPage? Page);

/// <summary>The last recovered frame is in the outbox and there is room.</summary>
internal sealed record CatchUpDone(Subscription Subscription);
