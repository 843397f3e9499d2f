using System.Buffers;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// The history a subscription asked for: read up to its place, and brought to its client before what is live.
internal sealed partial class LocalChannel
{
    // Readings of history under way; they end on any thread.
    private Dictionary<HistoryRequest, Task<HistoryPage?>>? _reads;

    /// <summary>Takes the history that a subscription asked for.</summary>
    public void Accept(HistoryAnswer answer)
    {
        var subscription = answer.Subscription;
        if (subscription.State != SubscriptionState.Reading || subscription.CatchUp is not { } reading || !ReferenceEquals(reading.Request, answer.Request))
            return;
        if (answer.Page is not { Superseded: false } page || page.Position.Epoch < _cursor.Epoch)
        {
            if (answer.Page is null && world.Time.GetElapsedTime(reading.Since) > JoinPatience)
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
        var at = new ChannelPosition(_cursor.Epoch, reading.JoinedAt);
        if (subscription.Command!.Recover is not { } from)
        {
            Answer(subscription, at, recovered: null, [.. Wanted(page).Take(subscription.Command.History!.Value).Reverse()]); // the page is others', too
        }
        else if (from.Epoch == _cursor.Epoch && from.Offset > reading.JoinedAt)
        {
            if (from.Offset <= page.Position.Offset)
                Answer(subscription, new ChannelPosition(_cursor.Epoch, from.Offset), recovered: true);
            else
                AnswerUnrecovered(subscription);
        }
        else if (from.Epoch == _cursor.Epoch && page.Gapless && (ulong)page.Publications.Length == reading.JoinedAt - from.Offset)
        {
            Answer(subscription, at, recovered: true, Wanted(page));
        }
        else
        {
            AnswerUnrecovered(subscription);
        }

        Publication[] Wanted(HistoryPage read) => subscription.Filter is { } filter ? [.. read.Publications.Where(filter.Matches)] : read.Publications;
    }

    // The subscription's place is fixed: from now on live frames wait behind what is read.
    private void Read(Subscription subscription, HistoryRequest request, bool retry = false)
    {
        if (!retry)
        {
            subscription.State = SubscriptionState.Reading;
            subscription.CatchUp = new CatchUp(_cursor.Offset, world.Time.GetTimestamp());
            if (subscription.Command!.Recover is { } from && from.Epoch == _cursor.Epoch)
                subscription.Has = Math.Max(_cursor.Offset, from.Offset);
            BeginJoining().CatchingUp.Add(subscription);
        }
        var asked = subscription.CatchUp!.Request = new HistoryAsked(request);
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
        var reads = LazyInitializer.EnsureInitialized(ref _reads, static () => []);
        lock (reads)
        {
            if (reads.TryGetValue(request, out var underWay))
                return underWay;
            var reading = Read();
            if (!reading.IsCompleted)
                reads.Add(request, reading);
            return reading;
        }

        async Task<HistoryPage?> Read()
        {
            var page = await world.Calls.Read(name, request);
            lock (reads)
                reads.Remove(request);
            return page;
        }
    }

    private void AnswerUnrecovered(Subscription subscription)
    {
        // Joins here and now: what was held had been cut by a position that turned out to be none.
        subscription.CatchUp?.DropHeld();
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
        subscription.Told = Math.Max(subscription.Told, first is { Length: > 0 } ? first[^1].Offset : position.Offset);
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
}

/// <summary>One reading of history for a subscription; a new one makes the answer to the former stale.</summary>
internal sealed record HistoryAsked(HistoryRequest Request);

/// <summary>What became of it; the page is null when the call failed.</summary>
internal sealed record HistoryAnswer(Subscription Subscription, HistoryAsked Request, HistoryPage? Page);

/// <summary>The last recovered frame is in the outbox and there is room.</summary>
internal sealed record CatchUpDone(Subscription Subscription);
