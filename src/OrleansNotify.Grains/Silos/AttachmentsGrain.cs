using Orleans.Concurrency;

namespace OrleansNotify.Grains.Silos;

/// <summary>See <see cref="IAttachmentsGrain"/>: what the table of this silo answers to other silos.</summary>
[GrainType("notify.attachments"), PinnedToSilo, Reentrant]
internal sealed class AttachmentsGrain(AttachmentTable table) : Grain, IAttachmentsGrain
{
    /// <summary>A larger page is cut to this.</summary>
    public const int PageLimit = 1000;

    /// <inheritdoc />
    public ValueTask Renew(SiloAddress frontEnd, long beat, CancellationToken cancellationToken = default)
    {
        table.Renew(frontEnd, beat);
        return default;
    }

    /// <inheritdoc />
    public ValueTask<string[]> Reconcile(SiloAddress frontEnd, AttachedChannel[] attached, CancellationToken cancellationToken = default) =>
        new(table.Reconcile(frontEnd, attached));

    /// <inheritdoc />
    public ValueTask<ChannelInfo[]> ListChannels(string? after, int limit, CancellationToken cancellationToken = default) =>
        new(table.List(after, Math.Clamp(limit, 0, PageLimit)));
}
