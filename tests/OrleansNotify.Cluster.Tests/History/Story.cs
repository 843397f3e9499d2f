using OrleansNotify.Protocol;

namespace OrleansNotify.Cluster.Tests.History;

/// <summary>A history made by hand, of one channel; a second passes with each thing that happens. A payload is named by its key.</summary>
internal sealed class Story(ChannelPromise promise = ChannelPromise.Recoverable)
{
    /// <summary>How far back recovery reaches.</summary>
    public const ulong Window = 100;

    private const string Channel = "c";
    private readonly List<PublishAttempt> _attempts = [];
    private readonly List<(string Client, List<Seen> Entries)> _logs = [];
    private readonly Dictionary<string, FinalHistory> _final = [];
    private readonly List<Fault> _faults = [];
    private int _seconds = 9; // the first two attempts are sent at 10 s and 11 s

    public Story Ack(string key, ChannelEpoch epoch, ulong offset) => Attempt(key, PublishOutcome.Accepted, new ChannelPosition(epoch, offset));

    public Story Refused(string key) => Attempt(key, PublishOutcome.Refused, null);

    public Story NotAccepted(string key) => Attempt(key, PublishOutcome.NotAccepted, null);

    public Story Unknown(string key) => Attempt(key, PublishOutcome.Unknown, null);

    public Story Client(string name)
    {
        _logs.Add((name, []));
        return this;
    }

    public Story Join(ChannelEpoch epoch, ulong offset) => Add(at => new Joined(at, new(epoch, offset)));

    public Story Recover(ChannelEpoch from, ulong since, ChannelEpoch epoch, ulong offset) => Add(at => new Joined(at, new(epoch, offset), new(from, since), true));

    public Story NotRecovered(ChannelEpoch from, ulong since, ChannelEpoch epoch, ulong offset) => Add(at => new Joined(at, new(epoch, offset), new(from, since)));

    public Story Get(ulong offset, string key, ChannelEpoch? epoch = null, double? at = null) =>
        Add(now => new Delivered(at is { } given ? TimeSpan.FromSeconds(given) : now, epoch, offset, Hash(key)));

    public Story Tell(ChannelEpoch epoch, ulong offset) => Add(at => new Told(at, new(epoch, offset)));

    public Story End(int? code) => Add(at => new Ended(at, code));

    public Story Final(ChannelEpoch epoch, ulong top, params string[] keys) => Kept(epoch, top, [.. keys.Select((key, i) => ((ulong)i + 1, key))]);

    public Story Kept(ChannelEpoch epoch, ulong top, params (ulong Offset, string Key)[] kept)
    {
        _final[Channel] = new(new(epoch, top), kept.ToDictionary(one => one.Offset, one => Hash(one.Key)));
        return this;
    }

    public Story Fault(double at)
    {
        _faults.Add(new(TimeSpan.FromSeconds(at), "a fault"));
        return this;
    }

    public HistoryReport Check() => HistoryChecker.Check(new RunHistory
    {
        Channels = new Dictionary<string, ChannelPromise> { [Channel] = promise },
        Attempts = _attempts,
        Logs = [.. _logs.Select(log => new SubscriberLog(log.Client, Channel, log.Entries))],
        Final = _final,
        Faults = _faults,
        RecoveryWindow = Window,
    });

    private Story Attempt(string key, PublishOutcome outcome, ChannelPosition? position)
    {
        var sent = TimeSpan.FromSeconds(++_seconds);
        _attempts.Add(new(Channel, key, Hash(key), sent, sent + TimeSpan.FromMilliseconds(1), outcome, position));
        return this;
    }

    private Story Add(Func<TimeSpan, Seen> entry)
    {
        _logs[^1].Entries.Add(entry(TimeSpan.FromSeconds(++_seconds)));
        return this;
    }

    private static ulong Hash(string key) => (ulong)key.GetHashCode(StringComparison.Ordinal);
}
