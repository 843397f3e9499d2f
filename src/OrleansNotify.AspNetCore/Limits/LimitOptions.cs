using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Limits;

/// <summary>What one client or request may take. Bound from <c>Notify:Limits</c>, checked at start; every one of them is enforced.</summary>
public sealed class LimitOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:Limits";

    /// <summary>Largest WebSocket message from a client, in bytes; beyond it close 1009. Default 64 KiB; 1 KiB to 1 MiB.</summary>
    public int MessageBytes { get; set; } = 64 << 10;

    /// <summary>Largest body of a publish, and largest item of a batch, in bytes; beyond it 413. Default 64 KiB; 1 KiB to 1 MiB.</summary>
    public int BodyBytes { get; set; } = 64 << 10;

    /// <summary>Deepest nesting of a publication's <c>data</c>, in arrays and objects; beyond it 400 (clients: error 107). Default 32; 2 (what commands need) to 32 (what every server reads).</summary>
    public int JsonDepth { get; set; } = JsonPayload.MaxDepth;

    /// <summary>Largest body of a batch, in bytes; beyond it 413. Default 1 MiB; 1 KiB to 16 MiB; at least <see cref="BodyBytes"/>.</summary>
    public int BatchBytes { get; set; } = 1 << 20;

    /// <summary>Most items of a batch; beyond it 413. Default 100; 1 to 1,000.</summary>
    public int BatchItems { get; set; } = 100;

    /// <summary>Most subscriptions of one connection; beyond it error 106. Default 128; 1 to 10,000.</summary>
    public int SubscriptionsPerConnection { get; set; } = 128;

    /// <summary>Commands a client may send per second, of whatever kind, on one connection; beyond it error 111, and close 3013 when it goes on. Default 60; 1 to 100,000.</summary>
    public int CommandsPerSecond { get; set; } = 60;

    /// <summary>Commands a client may send at once, after a pause. Default 256; 1 to 1,000,000.</summary>
    public int CommandBurst { get; set; } = 256;

    /// <summary>Of these, publishes per second. Default 20; 1 to 100,000.</summary>
    public int PublishesPerSecond { get; set; } = 20;

    /// <summary>Publishes at once. Default 20; 1 to 1,000,000.</summary>
    public int PublishBurst { get; set; } = 20;

    /// <summary>Of these, subscribes per second. Default 30; 1 to 100,000.</summary>
    public int SubscribesPerSecond { get; set; } = 30;

    /// <summary>Subscribes at once: a client that reconnects sends all of its own. Default 128; 1 to 1,000,000; at least <see cref="SubscriptionsPerConnection"/>.</summary>
    public int SubscribeBurst { get; set; } = 128;

    /// <summary>Bytes that may wait for one connection's socket; beyond it close 3008. Default 1 MiB; 64 KiB to 64 MiB.</summary>
    public int OutboxBytes { get; set; } = 1 << 20;

    /// <summary>How long a write to a socket may stand still; beyond it close 3008. Default 10 s; 1 s to 5 min.</summary>
    public TimeSpan OutboxStall { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Time between two pings to a client; up to 10 % shorter, so that they spread. Default 25 s; 1 s to 1 h.</summary>
    public TimeSpan PingInterval { get; set; } = TimeSpan.FromSeconds(25);

    /// <summary>How long a ping may stay unanswered; beyond it close 3012. Default 8 s; 1 s to 5 min; shorter than <see cref="PingInterval"/>.</summary>
    public TimeSpan PongTimeout { get; set; } = TimeSpan.FromSeconds(8);

    /// <summary>How long a client may take to send the head of a request, a WebSocket handshake included; and from there until it has said who it is, where tokens are asked for; beyond it close 3502. Default 10 s; 1 s to 5 min.</summary>
    public TimeSpan HandshakeTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Most connections on one silo; beyond it 503. Default 100,000; 1 to 10,000,000.</summary>
    public int ConnectionsPerSilo { get; set; } = 100_000;

    /// <summary>Most connections of one user, cluster-wide; beyond it the newest is closed with 3504 (<c>/sse</c>: 429). Default 20; 1 to 1,000. Who has no user is not counted.</summary>
    public int ConnectionsPerUser { get; set; } = 20;

    /// <summary>Most handshakes under way at once on one silo; beyond it 503. Default 1,000; 1 to 1,000,000.</summary>
    public int HandshakesAtOnce { get; set; } = 1_000;

    /// <summary>Most calls that one channel has waiting on its silo; beyond it 503 (clients: error 100), and nothing was done. Two fifths of it are logged. Default 5,000; 10 to 1,000,000.</summary>
    public int GrainQueue { get; set; } = 5_000;

    /// <summary>Channels that may come to life on one silo a second, and as many at once after a pause: those nobody used for a while, and those of a silo that was killed; what moves here from a silo that stops is not counted. Beyond it 503 (clients: error 100, after 15 s of trying), and nothing was done. Default 5,000; 0 (any number) to 1,000,000.</summary>
    public int ActivationsPerSecond { get; set; } = 5_000;

    /// <summary>How long a silo takes its leave of its connections when it stops. Default 20 s; 0 to 10 min.</summary>
    public TimeSpan Drain { get; set; } = TimeSpan.FromSeconds(20);
}
