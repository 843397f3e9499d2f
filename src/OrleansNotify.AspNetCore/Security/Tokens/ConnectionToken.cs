namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>What a token says that somebody connects with. Its claims, JSON <c>null</c> counting as absent:</summary>
/// <param name="User"><c>sub</c>, required: a user id (1–128 of <c>A-Za-z0-9_.@=+~:-</c>).</param>
/// <param name="Expires"><c>exp</c>, required: from when it is no longer valid, clock skew not included.</param>
/// <param name="Id"><c>jti</c>; null: none.</param>
/// <param name="Issued"><c>iat</c>; null: none.</param>
/// <param name="Info"><c>info</c>: any JSON value, UTF-8, shown to others (presence); null: none.</param>
/// <param name="Channels"><c>channels</c>: names, each once, that the connection is attached to without asking.</param>
/// <param name="Permissions"><c>subs</c>: an object whose names are the channels and patterns it may subscribe to, each with the value <c>{}</c>. A value that says more is refused, as it might
/// be a restriction we do not know.</param>
/// <param name="Meta"><c>meta</c>: any JSON value, UTF-8, kept by the server and never sent to anybody; null: none.</param>
internal sealed record ConnectionToken(
    string User,
    DateTimeOffset Expires,
    string? Id,
    DateTimeOffset? Issued,
    ReadOnlyMemory<byte>? Info,
    IReadOnlyList<string> Channels,
    ChannelGrants Permissions,
    ReadOnlyMemory<byte>? Meta)
{
    private static readonly string[] Foreign = ["channel"];

    /// <summary>Reads the claims; what is wrong is in the reader.</summary>
    public static ConnectionToken Read(ClaimReader claims)
    {
        claims.Without(Foreign, "it is a subscription token: give it with the subscribe command");
        return new(
            claims.User(), claims.Expires(), claims.Text("jti"), claims.Time("iat"), claims.Json("info"), claims.Channels("channels"), claims.Grants("subs"), claims.Json("meta"));
    }
}
