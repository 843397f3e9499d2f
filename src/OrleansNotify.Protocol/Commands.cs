namespace OrleansNotify.Protocol;

/// <summary>What a client asked for, whatever the encoding it came in.</summary>
/// <param name="Id">The client's own id of the command, echoed in the reply: a JSON string or number as it was written (raw UTF-8); empty for none.</param>
public abstract record ClientCommand(ReadOnlyMemory<byte> Id);

/// <summary>Wants to receive a channel. At most one of <paramref name="History"/> and <paramref name="Recover"/> is set.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
/// <param name="Channel">A checked name, or a pattern.</param>
/// <param name="History">Deliver this many of the newest publications first; null: none asked.</param>
/// <param name="Recover">Deliver all missed since; null: none asked.</param>
/// <param name="HasOptions">Whether any option beyond <c>channel</c> was used: such a client understands <c>position</c> frames.</param>
public sealed record SubscribeCommand(ReadOnlyMemory<byte> Id, string Channel, int? History, RecoverFrom? Recover, bool HasOptions) : ClientCommand(Id)
{
    /// <summary>A subscription token, unchecked; null: none.</summary>
    public string? Token { get; init; }

    /// <summary>Wants only publications that carry at least one of these; null: everything.</summary>
    public IReadOnlyList<string>? Tags { get; init; }

    /// <summary>Wants to be told who comes and goes.</summary>
    public bool Presence { get; init; }

    /// <summary>Set when <see cref="Channel"/> is a pattern.</summary>
    public ChannelPattern? Pattern { get; init; }

    /// <summary>Of a pattern: deliver all missed since, in these channels that match it; each once.</summary>
    public IReadOnlyList<ChannelRecovery> Recoveries { get; init; } = [];
}

/// <summary>The position a client had in one of a pattern's channels.</summary>
/// <param name="Channel">A checked name.</param>
/// <param name="From">The position.</param>
public sealed record ChannelRecovery(string Channel, RecoverFrom From);

/// <summary>The position a client had. An epoch that is not one of ours is kept as null: it can never be recovered, and is no error.</summary>
/// <param name="Epoch">The epoch, or null when the text is none of ours.</param>
/// <param name="Offset">The last offset seen; 0 for none.</param>
public sealed record RecoverFrom(ChannelEpoch? Epoch, ulong Offset);

/// <summary>No longer wants a channel.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
/// <param name="Channel">A checked name, or a pattern.</param>
public sealed record UnsubscribeCommand(ReadOnlyMemory<byte> Id, string Channel) : ClientCommand(Id);

/// <summary>Application-level ping; answered by <c>pong</c>.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
public sealed record PingCommand(ReadOnlyMemory<byte> Id) : ClientCommand(Id);

/// <summary>Says who the client is, when the handshake did not.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
/// <param name="Token">A connection token, unchecked.</param>
public sealed record AuthCommand(ReadOnlyMemory<byte> Id, string Token) : ClientCommand(Id);

/// <summary>Puts a newer token in the place of the one the connection goes by.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
/// <param name="Token">A connection token of the same user, unchecked.</param>
public sealed record RefreshCommand(ReadOnlyMemory<byte> Id, string Token) : ClientCommand(Id);

/// <summary>Publishes over the connection, where the namespace allows it.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
/// <param name="Channel">A checked name.</param>
/// <param name="Draft">Checked payload with event, tags and idempotency key.</param>
/// <param name="Echo">False: this connection does not want its own publication delivered. Default true.</param>
public sealed record PublishCommand(ReadOnlyMemory<byte> Id, string Channel, PublicationDraft Draft, bool Echo) : ClientCommand(Id);

/// <summary>Reads a part of a channel's history.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
/// <param name="Channel">A checked name.</param>
/// <param name="Since">Only what came behind this position; null: from the oldest kept (or, reversed, from the newest).</param>
/// <param name="Limit">At most this many, 0 for the position alone; null: the page limit.</param>
/// <param name="Reverse">Newest first.</param>
public sealed record HistoryCommand(ReadOnlyMemory<byte> Id, string Channel, RecoverFrom? Since, int? Limit, bool Reverse) : ClientCommand(Id);

/// <summary>Asks who is on a channel.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
/// <param name="Channel">A checked name.</param>
public sealed record PresenceCommand(ReadOnlyMemory<byte> Id, string Channel) : ClientCommand(Id);

/// <summary>Asks how many are on a channel.</summary>
/// <param name="Id">See <see cref="ClientCommand"/>.</param>
/// <param name="Channel">A checked name.</param>
public sealed record PresenceStatsCommand(ReadOnlyMemory<byte> Id, string Channel) : ClientCommand(Id);
