using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Streaming;

/// <summary>Envelopes that can be told apart: the channel says who wrote, the offset is its number.</summary>
internal static class Envelopes
{
    public static StreamEnvelope Of(string writer, ulong number, int payload = 2)
    {
        var publication = new Publication($"evt_{number:x32}", number, new byte[payload], PayloadShape.Value, DateTimeOffset.UnixEpoch);
        return new StreamEnvelope(StreamEnvelope.CurrentVersion, new ChannelPublications(writer, default, [publication]), null);
    }

    public static string Writer(this StreamEnvelope envelope) => envelope.Publications!.Channel;

    public static ulong Number(this StreamEnvelope envelope) => envelope.Publications!.Items[0].Offset;

    public static IEnumerable<ulong> Numbers(int from, int to) => Enumerable.Range(from, to - from + 1).Select(number => (ulong)number);
}
