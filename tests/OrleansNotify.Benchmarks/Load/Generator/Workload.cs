using System.Diagnostics;

namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>What the generator does to a server.</summary>
/// <param name="Subscribers">Connections, spread evenly over the channels.</param>
/// <param name="Channels">How many; publications go to them in turn.</param>
/// <param name="Publishers">Keep-alive HTTP connections, each with one request at a time.</param>
internal sealed record Workload(int Subscribers, int Channels, int Publishers)
{
    /// <summary>Channels of each connection, one after the other; never more than there are.</summary>
    public int ChannelsEach { get; init; } = 1;

    /// <summary>So many of the subscribers, the first, read nothing once they have subscribed; nobody waits for what goes to them.</summary>
    public int Deaf { get; init; }

    /// <summary>Publications a second, at moments that do not depend on the server's answers (latency counts from the moment planned); 0: as fast as the answers and <see cref="Window"/> allow.</summary>
    public double Rate { get; init; }

    /// <summary>Publications that may be under way, from being sent until their last subscriber has them; 0: the answer alone lets the next one go.</summary>
    public int Window { get; init; }

    /// <summary>Publications of one POST; above 1 they go to the batch address.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Of one publication's text.</summary>
    public int Bytes { get; init; } = 200;

    /// <summary>End after so many; 0: at the end of the time.</summary>
    public int Most { get; init; }

    /// <summary>Stand still before the first publication, so that memory settles.</summary>
    public TimeSpan Idle { get; init; }

    /// <summary>Publish before measuring.</summary>
    public TimeSpan Warmth { get; init; } = TimeSpan.FromSeconds(0.5);

    /// <summary>Measure so long.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(2);
}

/// <summary>How a server is spoken to.</summary>
/// <param name="Path">Of its WebSocket.</param>
/// <param name="Script">After the handshake: what is sent (<c>{channel}</c> is the subscriber's), and what must come before the next step.</param>
/// <param name="HasBatches">Whether it takes many publications in one POST.</param>
internal sealed record Dialect(string Path, (string Send, string Expect)[] Script, bool HasBatches)
{
    /// <summary>Ours, which the bare Kestrel peer speaks as well.</summary>
    public static Dialect Ours { get; } = new("/ws", [("{\"type\":\"subscribe\",\"channel\":\"{channel}\"}", "\"subscribed\"")], true);

    /// <summary>SignalR's JSON hub protocol.</summary>
    public static Dialect SignalR { get; } = new(
        "/hub",
        [
            ("{\"protocol\":\"json\",\"version\":1}\u001e", "{}\u001e"),
            ("{\"type\":1,\"invocationId\":\"1\",\"target\":\"Subscribe\",\"arguments\":[\"{channel}\"]}\u001e", "\"invocationId\":\"1\""),
        ],
        false);
}

/// <summary>What is measured: one server, or the silos of a cluster.</summary>
/// <param name="Port">Where subscribers connect, on 127.0.0.1.</param>
/// <param name="PublishPort">Where publishers do.</param>
/// <param name="Processes">All of it.</param>
internal sealed record Target(int Port, int PublishPort, params IReadOnlyList<Process> Processes);

/// <summary>What was seen. Times in microseconds.</summary>
internal sealed record Measured
{
    public double ConnectsPerSecond { get; init; }
    public double PublicationsPerSecond { get; init; }
    public double DeliveriesPerSecond { get; init; }
    public double P50 { get; init; }
    public double P99 { get; init; }
    public double P999 { get; init; }
    public double Max { get; init; }

    /// <summary>Until the last of the subscribers has a publication.</summary>
    public double LastP50 { get; init; }
    public double AcknowledgedP50 { get; init; }
    public double AcknowledgedP99 { get; init; }
    public double KiBPerConnection { get; init; }

    /// <summary>The most that the server ever had.</summary>
    public double PeakMiB { get; init; }

    /// <summary>The server's while everybody stood still, in cores.</summary>
    public double IdleCpu { get; init; }

    /// <summary>In cores.</summary>
    public double ServerCpu { get; init; }
    public double GeneratorCpu { get; init; }

    /// <summary>Used by processes that are neither the server nor the generator.</summary>
    public double ForeignCpu { get; init; }
    public long Published { get; init; }
    public long Refused { get; init; }
    public long Lost { get; init; }
    public long Duplicated { get; init; }
    public long Reordered { get; init; }
    public long Misrouted { get; init; }

    /// <summary>Connections that the server ended.</summary>
    public long Closed { get; init; }

    /// <summary>Whether every publication came to everybody once, in order.</summary>
    public bool IsClean => Refused + Lost + Duplicated + Reordered + Misrouted + Closed == 0;
}
