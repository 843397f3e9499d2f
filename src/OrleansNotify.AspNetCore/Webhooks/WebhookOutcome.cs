namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>What became of an event for a hook; all but the first mean that it was dropped.</summary>
internal enum WebhookOutcome
{
    /// <summary>The receiver took it (2xx).</summary>
    Delivered,

    /// <summary>Too many were waiting.</summary>
    QueueFull,

    /// <summary>The receiver said that trying again is of no use.</summary>
    Refused,

    /// <summary>All tries failed, or there was no time for more.</summary>
    GivenUp,

    /// <summary>This silo has stopped.</summary>
    Stopped,
}
