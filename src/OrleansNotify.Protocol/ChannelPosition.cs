namespace OrleansNotify.Protocol;

/// <summary>A place in a channel: how far a reader, or the channel itself, has come.</summary>
/// <param name="Epoch">The run of offsets meant.</param>
/// <param name="Offset">Number of the last publication; 0 before the first one of the epoch.</param>
public readonly record struct ChannelPosition(ChannelEpoch Epoch, ulong Offset);
