using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.AspNetCore.FrontEnd;

/// <summary>
/// How many channels this front-end is attached to on which silo, as it knows it: the other half of the beats. A beat that does not fit
/// twice in a row, a beat that is missing from the row, or silence for 6 s, show that something is lost. Which channels they are, the channels know.
/// </summary>
internal sealed class AttachedChannels(TimeProvider time)
{
    /// <summary>Without a beat for this long from a silo with channels of ours the pipe counts as dead: three beats of 2 s.</summary>
    public static readonly TimeSpan Silence = TimeSpan.FromSeconds(6);

    private readonly Lock _lock = new();
    private readonly Dictionary<SiloAddress, HostState> _hosts = [];

    /// <summary>A channel was attached.</summary>
    public void Attached(string channel, SiloAddress host, long number)
    {
        lock (_lock)
        {
            if (!_hosts.TryGetValue(host, out var state))
                _hosts[host] = state = new HostState { HeardAt = time.GetTimestamp() };
            state.Channels++;
            state.Hash ^= AttachmentHash.Of(channel, number);
        }
    }

    /// <summary>A channel is no longer attached as it was.</summary>
    public void Detached(string channel, SiloAddress host, long number)
    {
        lock (_lock)
        {
            var state = _hosts[host];
            state.Channels--;
            state.Hash ^= AttachmentHash.Of(channel, number);
            if (state.Channels == 0)
                state.Misfits = 0;
        }
    }

    /// <summary>Takes note of a beat.</summary>
    public BeatVerdict Heard(Beat beat)
    {
        lock (_lock)
        {
            if (!_hosts.TryGetValue(beat.From, out var state))
            {
                if (beat.Attached == 0)
                    return BeatVerdict.Fits;
                _hosts[beat.From] = state = new HostState();
            }
            state.HeardAt = time.GetTimestamp();
            var missed = state.Sequence != 0 && beat.Sequence > state.Sequence + 1;
            state.Sequence = Math.Max(state.Sequence, beat.Sequence);
            if (missed)
                return BeatVerdict.Missed;
            // Once may be an attach or detach under way; twice is a difference.
            var fits = beat.Attached == state.Channels && beat.AttachedHash == state.Hash;
            state.Misfits = fits ? 0 : state.Misfits + 1;
            return state.Misfits >= 2 ? BeatVerdict.Differs : BeatVerdict.Fits;
        }
    }

    /// <summary>Silos with channels of ours that have been silent too long; each is returned once per <see cref="Silence"/>.</summary>
    public SiloAddress[] TakeSilent()
    {
        lock (_lock)
        {
            SiloAddress[] silent = [.. _hosts.Where(h => h.Value.Channels > 0 && time.GetElapsedTime(h.Value.HeardAt) > Silence).Select(h => h.Key)];
            foreach (var host in silent)
                _hosts[host].HeardAt = time.GetTimestamp();
            return silent;
        }
    }

    private sealed class HostState
    {
        public int Channels { get; set; }
        public ulong Hash { get; set; }
        public long Sequence { get; set; }
        public long HeardAt { get; set; }
        public int Misfits { get; set; }
    }
}

/// <summary>What a beat shows.</summary>
internal enum BeatVerdict
{
    /// <summary>All is well.</summary>
    Fits,

    /// <summary>A beat is missing from the row: what it told is unknown, so every channel of that silo is attached again.</summary>
    Missed,

    /// <summary>The two sides disagree on what is attached: exchange lists.</summary>
    Differs,
}
