using System.ComponentModel.DataAnnotations;

namespace OrleansNotify.Grains.Channels;

/// <summary>What a channel's name selects. Configured under <c>Notify:Namespaces:{name}</c>; the default namespace is <c>Notify:Namespaces:default</c>.</summary>
public sealed class NamespaceOptions
{
    /// <summary>What is kept of publications. Default <see cref="ChannelClass.Recoverable"/>.</summary>
    public ChannelClass Class { get; set; } = ChannelClass.Recoverable;

    /// <summary>Publications kept for history and recovery. Default 100; 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int HistorySize { get; set; } = 100;

    /// <summary>How long a publication is kept. Default 5 min; 1 s to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan HistoryTtl { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Payload bytes kept per channel. Default 1 MiB; 64 KiB to 64 MiB.</summary>
    [Range(64 << 10, 64 << 20)]
    public int HistoryBytes { get; set; } = 1 << 20;

    /// <summary>How long an idempotency key is known. Default 5 min; 1 s to 1 day. A durable channel's log keeps the publications of known keys.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan IdempotencyTtl { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Idempotency keys known per channel; beyond it the oldest is forgotten. Default 10,000; 1 to 100,000.</summary>
    [Range(1, 100_000)]
    public int IdempotencyKeys { get; set; } = 10_000;

    /// <summary>Whether every connection may subscribe. Default true; false: only with a token that grants the channel. Private (<c>$…</c>) and user-limited (<c>…#42</c>) channels have their own rules.</summary>
    public bool ClientSubscribe { get; set; } = true;

    /// <summary>Whether connections may publish. Default false: only the HTTP API and grain callers do.</summary>
    public bool ClientPublish { get; set; }

    /// <summary>Whether it can be asked who is on a channel. Default false: every subscription then is a member, which its channel's grain is told.</summary>
    public bool Presence { get; set; }

    /// <summary>Members of a channel that are listed, and whose coming and going is told; beyond it there are counts only, for each change would go to each of them. Default 1,000; 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int PresenceList { get; set; } = 1_000;

    /// <summary>Whether subscribers that want it are told who comes and goes. Default null: where there is <see cref="Presence"/>. True without it: the same cost, but no list to ask for.</summary>
    public bool? JoinLeave { get; set; }

    /// <summary>Whether every subscription, also one that used no option, is told (<c>position</c>) when the epoch changes or publications were lost for good. Default false; true needs a class that keeps history.</summary>
    public bool ForceRecovery { get; set; }

    /// <summary>Publications a second that a channel takes from all publishers together, and as many at once after a pause, or where it has just moved or been opened again; beyond it 429, or error 111. A repeat of an idempotency key is none. Default 0: any number; to 100,000.</summary>
    [Range(0, 100_000)]
    public int PublishesPerSecond { get; set; }
}

/// <summary>What survives of a publication.</summary>
public enum ChannelClass
{
    /// <summary>Numbered and streamed, not kept: loss is visible, not repaired.</summary>
    Ephemeral = 0,

    /// <summary>Kept in the grain's ring: survives lost sockets, a front-end's crash and a graceful drain.</summary>
    Recoverable = 1,

    /// <summary>Committed to grain storage before it is acknowledged and before it is delivered: survives the death of all silos, within what the store promises.</summary>
    Durable = 2,
}
