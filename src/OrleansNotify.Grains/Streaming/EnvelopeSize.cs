namespace OrleansNotify.Grains.Streaming;

/// <summary>What an envelope counts for in a queue: its payload and, roughly, the objects around it. Never less than what it weighs in payload.</summary>
internal static class EnvelopeSize
{
    // Object headers, references, id (36 characters) and time of a publication; of a changed channel its position.
    private const int PerEnvelope = 64;
    private const int PerPublication = 192;
    private const int PerChange = 64;

    public static int Of(StreamEnvelope envelope)
    {
        long size = PerEnvelope;
        if (envelope.Publications is { } publications)
        {
            size += 2 * publications.Channel.Length;
            foreach (var publication in publications.Items)
                size += PerPublication + publication.Data.Length;
        }

        if (envelope.Beat is { } beat)
        {
            foreach (var change in beat.Changed)
                size += PerChange + (2 * change.Channel.Length);
            foreach (var ended in beat.Ended)
                size += PerChange + (2 * ended.Length);
        }

        if (envelope.Presence is { } presence)
        {
            size += 2 * presence.Channel.Length;
            foreach (var member in presence.Joined)
                size += PerPublication + member.Info.Length;
            foreach (var member in presence.Left)
                size += PerPublication + member.Info.Length;
        }

        return (int)Math.Min(size, int.MaxValue);
    }
}
