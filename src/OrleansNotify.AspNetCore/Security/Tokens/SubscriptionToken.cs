namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>What a token says that lets one user subscribe to one channel. What makes it one is the claim <c>channel</c>.</summary>
/// <param name="User"><c>sub</c>, required: the user of the connection it is used on.</param>
/// <param name="Channel"><c>channel</c>, required: a name, no pattern.</param>
/// <param name="Expires"><c>exp</c>, required: from when it is no longer valid, clock skew not included.</param>
/// <param name="Id"><c>jti</c>; null: none.</param>
/// <param name="Issued"><c>iat</c>; null: none.</param>
/// <param name="Info"><c>info</c>: any JSON value, UTF-8, shown to others on this channel (presence); null: none.</param>
internal sealed record SubscriptionToken(string User, string Channel, DateTimeOffset Expires, string? Id, DateTimeOffset? Issued, ReadOnlyMemory<byte>? Info)
{
    private static readonly string[] Foreign = ["channels", "subs", "meta"];

    /// <summary>Reads the claims; what is wrong is in the reader.</summary>
    public static SubscriptionToken Read(ClaimReader claims)
    {
        claims.Without(Foreign, "it belongs to connection tokens");
        return new(claims.User(), claims.Channel("channel"), claims.Expires(), claims.Text("jti"), claims.Time("iat"), claims.Json("info"));
    }
}
