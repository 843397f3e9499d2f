namespace OrleansNotify.AspNetCore.Security;

/// <summary>What is only for development. Bound from <c>Notify:Development</c>.</summary>
public sealed class DevelopmentOptions
{
    /// <summary>Whether a WebSocket may name its user by the query parameter <c>user</c>. Default false: anybody could be anybody.</summary>
    public bool AllowUserParameter { get; set; }
}
