using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.FrontEnd;

// Subscriptions to patterns: first every silo is told, then every lane, then the client.
internal sealed partial class NotifyFrontEnd
{
    /// <summary>Makes a subscription one to a pattern. Before its connection has it: that may end at any time, and then takes it from whom it concerns.</summary>
    public void Prepare(Subscription subscription, ChannelPattern pattern) => subscription.ByPattern = new PatternSubscription(subscription, pattern, _lanes.Length);

    private async Task Tell(PatternSubscription joining)
    {
        try
        {
            await _patterns.Add(joining.Pattern.Text).WaitAsync(LocalChannel.JoinPatience, _time);
        }
        catch (TimeoutException)
        {
            Fail(joining);
            return;
        }
        PostToAll(new PatternJoin(joining, this));
        joining.Told.SetResult(true);
    }

    private void Fail(PatternSubscription joining)
    {
        var (subscription, connection) = (joining.Subscription, joining.Connection);
        _patterns.Remove(joining.Pattern.Text);
        if (connection.Remove(subscription))
        {
            Metrics.Error(NotifyError.Internal);
            connection.Send(connection.Format.Error(subscription.Command!.Id.Span, NotifyError.Internal, "Not all silos can be reached now; subscribe again in a moment.", subscription.Channel));
        }
        joining.Told.SetResult(false);
    }

    /// <summary>All lanes have it: the client is told, and what it missed is brought.</summary>
    public void Joined(PatternSubscription joined)
    {
        var (subscription, connection) = (joined.Subscription, joined.Connection);
        joined.Open(connection.Format.SubscribedPattern(subscription.Command!.Id.Span, subscription.Channel));
        foreach (var (channel, from) in subscription.Command.Recoveries)
            Post(channel, new Subscription(connection, channel, new SubscribeCommand(default, channel, null, from, subscription.HasOptions)) { By = joined });
    }

    private async Task Leave(PatternSubscription leaving, UnsubscribeCommand? command)
    {
        // Both replies in their order. If the other one was that it failed, there is nothing to leave.
        if (await leaving.Told.Task)
            PostToAll(new PatternLeave(leaving, this, command));
    }

    /// <summary>No lane has it any more.</summary>
    public void Left(PatternSubscription left, UnsubscribeCommand? command)
    {
        _patterns.Remove(left.Pattern.Text);
        if (command is not null)
            left.Connection.Send(left.Connection.Format.Unsubscribed(command.Id.Span, left.Subscription.Channel));
    }

    private void PostToAll(object work)
    {
        foreach (var lane in _lanes)
        {
            lane.Worker.Post(work);
            lane.Worker.Kick(inline: false);
        }
    }
}
