using System.Text;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>What the micro-benchmarks work on.</summary>
internal static class Publications
{
    public const string Channel = "notifications";

    public static readonly ChannelEpoch Epoch = new(1, 1_700_000_000_000, 42);

    /// <summary>A JSON object of 200 bytes.</summary>
    public static readonly ReadOnlyMemory<byte> Data = Encoding.UTF8.GetBytes($$"""{"m":"{{new string('x', 192)}}"}""");

    public static Publication Of(ulong offset) =>
        new("evt_0123456789", offset, Data, PayloadShape.Object | PayloadShape.HasMembers, DateTimeOffset.FromUnixTimeMilliseconds(Epoch.StartedAt));

    /// <summary>One publication each, as an unhurried stream brings them.</summary>
    public static ChannelPublications[] InOrder(int count) => [.. Enumerable.Range(1, count).Select(offset => new ChannelPublications(Channel, Epoch, [Of((ulong)offset)]))];
}
