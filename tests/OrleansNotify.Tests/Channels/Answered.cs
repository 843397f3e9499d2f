using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Channels;

/// <summary>Publishing for tests: the answers in an array of their own.</summary>
internal static class Answered
{
    /// <summary>Null: nothing was done.</summary>
    public static PublishResult[]? TryPublish(this IHostedChannels here, string channel, PublicationDraft[] batch, bool mayWait)
    {
        var results = new PublishResult[batch.Length];
        return here.TryPublish(channel, batch, results, mayWait) ? results : null;
    }

    public static AnsweredBatch Number(this ChannelSequence sequence, PublicationDraft[] batch)
    {
        var results = new PublishResult[batch.Length];
        return new AnsweredBatch(results, sequence.Number(batch, results));
    }

    public static void Keep(this ChannelSequence sequence, AnsweredBatch numbered) => sequence.Keep(numbered.Batch);
}

/// <summary>A numbered batch and its answers.</summary>
internal sealed record AnsweredBatch(PublishResult[] Results, NumberedBatch Batch)
{
    public Publication[] Publications => Batch.Publications;
}
