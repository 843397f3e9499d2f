namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>The fan-out of this process, as its publishers see it.</summary>
internal interface IFanOut
{
    /// <summary>
    /// Runs what publishes to many channels. What comes of it here is delivered behind it and together: not one write to a socket for each publication, and while
    /// sockets are written to, the next batch may already join those that wait.
    /// </summary>
    void Together(Action publish);
}
