namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>The fan-out of this process, as its publishers see it.</summary>
internal interface IFanOut
{
    /// <summary>
    /// Runs what publishes to many channels. What comes of it here is delivered behind it and together: a socket gets one write for all of it, and while sockets are
    /// written to, the next batch may already join those that wait (1.25 × the publications/s into 100 channels).
    /// </summary>
    void Together(Action publish);
}
