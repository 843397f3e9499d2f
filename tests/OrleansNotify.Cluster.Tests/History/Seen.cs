using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>One thing a subscriber saw on one channel.</summary>
/// <param name="At">Since the run began.</param>
public abstract record Seen(TimeSpan At);

/// <summary>A <c>subscribed</c> reply.</summary>
/// <param name="At">Since the run began.</param>
/// <param name="Position">Where the subscription joined.</param>
/// <param name="Asked">What it asked to recover from; null: it asked for nothing.</param>
/// <param name="Recovered">What the reply said of that.</param>
public sealed record Joined(TimeSpan At, ChannelPosition Position, ChannelPosition? Asked = null, bool Recovered = false) : Seen(At);

/// <summary>An event.</summary>
/// <param name="At">Since the run began.</param>
/// <param name="Epoch">As far as the frame told it; null: as before.</param>
/// <param name="Offset">Its offset.</param>
/// <param name="Payload">Hash of its payload.</param>
public sealed record Delivered(TimeSpan At, ChannelEpoch? Epoch, ulong Offset, ulong Payload) : Seen(At);

/// <summary>A <c>position</c> frame: numbering goes on from there, and something may be missing before it.</summary>
/// <param name="At">Since the run began.</param>
/// <param name="Position">From here.</param>
public sealed record Told(TimeSpan At, ChannelPosition Position) : Seen(At);

/// <summary>The connection ended.</summary>
/// <param name="At">Since the run began.</param>
/// <param name="Code">Of the server's close frame; null: there was none.</param>
public sealed record Ended(TimeSpan At, int? Code) : Seen(At);

/// <summary>All that one client saw on one channel, over all its connections.</summary>
/// <param name="Client">Its name.</param>
/// <param name="Channel">The channel.</param>
/// <param name="Entries">In the order seen.</param>
public sealed record SubscriberLog(string Client, string Channel, IReadOnlyList<Seen> Entries);
