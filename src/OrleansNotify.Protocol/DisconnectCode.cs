namespace OrleansNotify.Protocol;

/// <summary>Codes of the close frame. 3000–3499 and 4000–4499 mean reconnect, 3500–3999 and 4500–4999 mean don't. Never renumbered.</summary>
public enum DisconnectCode
{
    /// <summary>RFC 6455: normal closure (answer to the client's own close).</summary>
    Normal = 1000,

    /// <summary>RFC 6455: protocol error (framing).</summary>
    ProtocolError = 1002,

    /// <summary>RFC 6455: text that is not UTF-8.</summary>
    InvalidPayload = 1007,

    /// <summary>RFC 6455: message larger than the limit.</summary>
    TooBig = 1009,

    /// <summary>The server shuts down.</summary>
    Shutdown = 3001,

    /// <summary>The connection's token has expired.</summary>
    Expired = 3005,

    /// <summary>The client did not read fast enough.</summary>
    Slow = 3008,

    /// <summary>Writing to the client failed.</summary>
    WriteError = 3009,

    /// <summary>Continuity of a subscription could not be kept.</summary>
    InsufficientState = 3010,

    /// <summary>No answer to a ping in time.</summary>
    NoPong = 3012,

    /// <summary>Too many commands, for too long.</summary>
    TooManyRequests = 3013,

    /// <summary>The token is not valid.</summary>
    InvalidToken = 3500,

    /// <summary>Persistently malformed commands.</summary>
    BadRequest = 3501,

    /// <summary>No authentication in time.</summary>
    Stale = 3502,

    /// <summary>Disconnected through the API.</summary>
    DisconnectedByApi = 3503,

    /// <summary>Too many connections.</summary>
    ConnectionLimit = 3504,

    /// <summary>Not allowed.</summary>
    PermissionDenied = 3507,
}
