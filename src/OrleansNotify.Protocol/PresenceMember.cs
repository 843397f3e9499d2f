namespace OrleansNotify.Protocol;

/// <summary>A connection that is on a channel, as others see it.</summary>
/// <param name="Connection">Its id.</param>
/// <param name="User">Its user, or null.</param>
/// <param name="Info">What its token says of it to others (<c>info</c>): a JSON value, UTF-8; empty: nothing.</param>
public sealed record PresenceMember(string Connection, string? User, ReadOnlyMemory<byte> Info);
