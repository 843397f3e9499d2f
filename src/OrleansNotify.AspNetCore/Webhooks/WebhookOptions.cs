namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>Who is told by HTTP what becomes of connections and channels. Bound from <c>Notify:Webhooks</c>, a list, and checked at start; an unknown setting there ends the start too.</summary>
public sealed class WebhookOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:Webhooks";

    /// <summary>The hooks. Default none.</summary>
    public IList<WebhookSettings> Hooks { get; } = [];
}

/// <summary>One hook, <c>Notify:Webhooks:{n}</c>.</summary>
public sealed class WebhookSettings
{
    /// <summary>Where its events are posted to: https, or http on loopback; no redirect is followed. Its path and query are treated as a secret.</summary>
    public string Url { get; set; } = "";

    /// <summary>Whether <see cref="Url"/> may be http elsewhere than on loopback: whoever is on the way reads along. Default no.</summary>
    public bool AllowHttp { get; set; }

    /// <summary>What requests are signed with: at least 32 bytes in base64 or base64url, <c>whsec_</c> before it or not.</summary>
    public string Secret { get; set; } = "";

    /// <summary>What it is told of, out of connected, disconnected, subscribed, unsubscribed, occupied and vacated. Default none, which means all.</summary>
    public string[] Events { get; set; } = [];

    /// <summary>Of which channels: names, and patterns such as <c>chat.*</c>. Default none, which means all; '@' and '#' channels are always left out. Connected and disconnected are about none.</summary>
    public string[] Channels { get; set; } = [];

    /// <summary>Events that may wait on one silo; beyond it new ones are dropped. Default 10,000; 100 to 1,000,000 (an event takes about half a KiB).</summary>
    public int QueueEvents { get; set; } = 10_000;

    /// <summary>How long the receiver may take to answer. Default 10 s; 100 ms to 1 min.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a request is tried before its events are dropped. Default 10; 1 to 100.</summary>
    public int Tries { get; set; } = 10;

    /// <summary>For how long it is tried, whatever the tries: the events behind it wait. Default 5 min; 1 s to 1 h.</summary>
    public TimeSpan TryFor { get; set; } = TimeSpan.FromMinutes(5);
}
