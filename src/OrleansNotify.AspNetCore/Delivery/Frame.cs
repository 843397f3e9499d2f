namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>Bytes ready for a socket: one or several whole messages of one encoding. Immutable, shared by every outbox it lies in.</summary>
/// <param name="bytes">Never changed afterwards.</param>
/// <param name="events">How many publications it carries; 0 for replies and control frames.</param>
public sealed class Frame(byte[] bytes, int events = 0)
{
    /// <summary>The bytes.</summary>
    public byte[] Bytes { get; } = bytes;

    /// <summary>How many publications it carries.</summary>
    public int Events { get; } = events;
}
