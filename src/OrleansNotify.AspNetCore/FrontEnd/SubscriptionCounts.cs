namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>How many connections this silo has, and how many subscriptions on which channel; exact at every moment. Thread-safe.</summary>
public sealed class SubscriptionCounts
{
    /// <summary>A connection was accepted.</summary>
    public void Connected() => throw new NotImplementedException();

    /// <summary>A connection has ended. Its subscriptions are counted out one by one by <see cref="Unsubscribed"/>.</summary>
    public void Disconnected() => throw new NotImplementedException();

    /// <summary>One more subscription; '@' and '#' channels are not counted per channel.</summary>
    public void Subscribed(string channel) => throw new NotImplementedException();

    /// <summary>One subscription less.</summary>
    public void Unsubscribed(string channel) => throw new NotImplementedException();
}
