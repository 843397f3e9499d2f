using System.ComponentModel.DataAnnotations;

namespace OrleansNotify.Server.Hosting;

/// <summary>How a server runs itself in before its first client. Bound from <c>Notify:WarmUp</c>.</summary>
public sealed class WarmUpOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:WarmUp";

    /// <summary>Most requests.</summary>
    public const int MaxRequests = 100_000;

    /// <summary>
    /// Requests that a server sends itself when it has started, one after the other, each by a connection of its own. Default 1000, which take one to two seconds of two processors: the runtime compiles a
    /// method again after 200 calls and once more after another 200 (the server's project file says so), one method after the other, and start-up has left it much to do. 0: none.
    /// </summary>
    [Range(0, MaxRequests)]
    public int Requests { get; set; } = 1000;
}
