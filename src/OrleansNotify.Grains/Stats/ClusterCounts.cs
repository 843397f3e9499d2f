using System.Runtime.InteropServices;

namespace OrleansNotify.Grains.Stats;

/// <summary>Puts the cluster's counts together from numbered reports. What a silo says of itself holds until its next report, its death, or its silence.</summary>
internal sealed class ClusterCounts(TimeProvider time)
{
    /// <summary>A silo that has not reported for so long is left out: three report periods of 1 s.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);

    /// <summary>How long a read waits for a silo that has not reported, from the moment it was first missed.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly Dictionary<SiloAddress, Silo> _silos = [];
    private readonly Dictionary<SiloAddress, long> _missedSince = [];

    /// <summary>Takes a report.</summary>
    /// <returns>False: something is missing before it, send a snapshot. A report older than what is known is ignored and answered true.</returns>
    public bool Report(SiloReport report)
    {
        _silos.TryGetValue(report.Silo, out var silo);
        if (silo is not null && report.Number <= silo.Number)
            return true;
        if (report.IsSnapshot)
        {
            _silos[report.Silo] = silo = new Silo();
            _missedSince.Remove(report.Silo);
        }
        else if (silo is null || report.Number != silo.Number + 1)
        {
            return false;
        }
        foreach (var (channel, count) in report.Subscriptions)
        {
            if (count > 0)
                silo.Channels[channel] = count;
            else
                silo.Channels.Remove(channel);
        }
        silo.Number = report.Number;
        silo.Connections = report.Connections;
        silo.Published = report.Published;
        silo.Delivered = report.Delivered;
        silo.ReportedAt = time.GetTimestamp();
        return true;
    }

    /// <summary>Leaves out silos that are dead or silent.</summary>
    /// <param name="isDead">What membership says.</param>
    public void DropLost(Func<SiloAddress, bool> isDead)
    {
        foreach (var (address, silo) in _silos) // removing what is enumerated is allowed
        {
            if (isDead(address) || time.GetElapsedTime(silo.ReportedAt) > Silence)
                _silos.Remove(address);
        }
    }

    /// <summary>How long to wait for active silos that have not reported: zero when there is none, or none worth waiting for any longer.</summary>
    public TimeSpan WaitFor(IReadOnlyCollection<SiloAddress> active)
    {
        foreach (var address in _missedSince.Keys)
        {
            if (!active.Contains(address))
                _missedSince.Remove(address);
        }
        var wait = TimeSpan.Zero;
        foreach (var address in active)
        {
            if (_silos.ContainsKey(address))
                continue;
            ref var since = ref CollectionsMarshal.GetValueRefOrAddDefault(_missedSince, address, out var known);
            if (!known)
                since = time.GetTimestamp();
            var left = Patience - time.GetElapsedTime(since);
            if (left > wait)
                wait = left;
        }
        return wait;
    }

    /// <summary>The sum.</summary>
    /// <param name="active">The silos that ought to have reported.</param>
    public ClusterStats Sum(IReadOnlyCollection<SiloAddress> active)
    {
        var connections = 0;
        long published = 0;
        long delivered = 0;
        var channels = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var silo in _silos.Values)
        {
            foreach (var (channel, count) in silo.Channels)
                CollectionsMarshal.GetValueRefOrAddDefault(channels, channel, out _) += count;
            connections += silo.Connections;
            published += silo.Published;
            delivered += silo.Delivered;
        }
        return new ClusterStats(connections, channels, _silos.Count, published, delivered, IsPartial(active));
    }

    /// <summary>Subscriptions to one channel.</summary>
    public int Of(string channel) => _silos.Values.Sum(silo => silo.Channels.GetValueOrDefault(channel));

    /// <summary>Whether an active silo has not reported.</summary>
    public bool IsPartial(IReadOnlyCollection<SiloAddress> active) => !active.All(_silos.ContainsKey);

    private sealed class Silo
    {
        public Dictionary<string, int> Channels { get; } = new(StringComparer.Ordinal);

        public long Number { get; set; }

        public int Connections { get; set; }

        public long Published { get; set; }

        public long Delivered { get; set; }

        public long ReportedAt { get; set; }
    }
}
