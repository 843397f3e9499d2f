using System.Buffers.Binary;
using System.Security.Cryptography;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>
/// Makes epochs: each one higher than all that this process has made or was shown before, for whatever channel. So after a restart of an activation
/// on the same silo the order never depends on the clock; between silos it depends on the membership version first, which rises with every crash.
/// Thread-safe.
/// </summary>
/// <param name="membershipVersion">Reads the version of the cluster's membership as this silo knows it.</param>
/// <param name="time">The silo's clock.</param>
internal sealed class ChannelEpochs(Func<long> membershipVersion, TimeProvider time)
{
    private readonly Lock _lock = new();
    private (long Version, long StartedAt) _highest;

    /// <summary>The version of the cluster's membership as this silo knows it.</summary>
    public long MembershipVersion => membershipVersion();

    /// <summary>A new epoch.</summary>
    public ChannelEpoch Next()
    {
        var now = (Version: MembershipVersion, StartedAt: time.GetUtcNow().ToUnixTimeMilliseconds());
        Span<byte> random = stackalloc byte[8];
        RandomNumberGenerator.Fill(random);
        lock (_lock)
        {
            if (now.CompareTo(_highest) <= 0)
                now = (_highest.Version, _highest.StartedAt + 1);
            _highest = now;
            return new ChannelEpoch(now.Version, now.StartedAt, BinaryPrimitives.ReadUInt64LittleEndian(random));
        }
    }

    /// <summary>Makes every later epoch higher than this one, which another silo has made.</summary>
    public void Shown(ChannelEpoch epoch)
    {
        var shown = (epoch.MembershipVersion, epoch.StartedAt);
        lock (_lock)
        {
            if (shown.CompareTo(_highest) > 0)
                _highest = shown;
        }
    }
}
