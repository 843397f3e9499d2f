namespace OrleansNotify.Protocol;

/// <summary>Codes of the <c>error</c> reply. Never renumbered.</summary>
public enum NotifyError
{
    /// <summary>A fault of the server's; temporary, retry.</summary>
    Internal = 100,

    /// <summary>Credentials are missing or not valid.</summary>
    Unauthorized = 101,

    /// <summary>No such channel or namespace.</summary>
    UnknownChannel = 102,

    /// <summary>Not allowed here.</summary>
    PermissionDenied = 103,

    /// <summary>A <c>type</c> the server does not know.</summary>
    UnknownType = 104,

    /// <summary>The connection is subscribed to the channel.</summary>
    AlreadySubscribed = 105,

    /// <summary>A limit is reached.</summary>
    LimitExceeded = 106,

    /// <summary>Malformed: not JSON, a field missing or of the wrong type, an invalid name.</summary>
    BadRequest = 107,

    /// <summary>Nothing there to act on (such as an unsubscribe without subscription), or a feature that is off.</summary>
    NotAvailable = 108,

    /// <summary>The token has expired.</summary>
    TokenExpired = 109,

    /// <summary>Too many commands; temporary.</summary>
    TooManyRequests = 111,

    /// <summary>History no longer reaches the position asked for.</summary>
    UnrecoverablePosition = 112,
}
