using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Storage;
using OrleansNotify.Grains.Channels.Durable;

namespace OrleansNotify.Grains.Revocations;

/// <summary>See <see cref="IRevocationsGrain"/>. Not reentrant: one write at a time.</summary>
[GrainType("notify.revocations"), KeepAlive]
internal sealed partial class RevocationsGrain(IServiceProvider services, TimeProvider time, ILogger<RevocationsGrain> logger) : Grain, IRevocationsGrain
{
    private const string StateName = "revocations";

    private readonly IGrainStorage? _storage = services.GetKeyedService<IGrainStorage>(ChannelStorage.ProviderName);
    private readonly Guid _run = Guid.NewGuid();
    private readonly GrainState<StoredRevocations> _stored = new(new StoredRevocations());
    private readonly RevocationList _list = new();

    /// <inheritdoc />
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (_storage is null)
            return;
        await _storage.ReadStateAsync(StateName, this.GetGrainId(), _stored);
        foreach (var revocation in _stored.State?.Revocations ?? [])
            _list.Add(revocation);
    }

    /// <inheritdoc />
    public async ValueTask<RevocationResult> Revoke(RevocationOrder order, CancellationToken cancellationToken = default)
    {
        var now = time.GetUtcNow();
        _list.DropEnded(now);
        if (!_list.HasRoom(order.Kind, order.Name))
            return new RevocationResult(IsTaken: false, IsStored: false);
        await Add([new Revocation(order.Kind, order.Name, now, order.Until)]);
        return new RevocationResult(IsTaken: true, IsStored: _storage is not null);
    }

    /// <inheritdoc />
    public ValueTask<RevocationNews> Read(Guid run, long version, CancellationToken cancellationToken = default) =>
        new(new RevocationNews(_run, _list.Version, run == _run ? _list.Since(version) : _list.All));

    /// <inheritdoc />
    public async ValueTask Offer(Revocation[] known, CancellationToken cancellationToken = default)
    {
        var now = time.GetUtcNow();
        _list.DropEnded(now);
        await Add([.. known.Where(revocation => revocation.Until > now)]);
    }

    // Stored first: what has been answered survives. Of two activations the store lets one write; the other ends and reads.
    private async ValueTask Add(Revocation[] revocations)
    {
        var next = new RevocationList();
        foreach (var revocation in _list.All)
            next.Add(revocation);
        var isNews = false;
        var left = 0;
        foreach (var revocation in revocations)
        {
            if (next.HasRoom(revocation.Kind, revocation.Name)) // beside those before it: a record that is too large the store never takes
                isNews |= next.Add(revocation);
            else
                left++;
        }
        if (left > 0)
            LogFull(left);
        if (!isNews)
            return;
        if (_storage is not null)
        {
            _stored.State = new StoredRevocations { Revocations = next.All };
            try
            {
                await _storage.WriteStateAsync(StateName, this.GetGrainId(), _stored);
            }
            catch
            {
                DeactivateOnIdle(); // what is stored now is not known
                throw;
            }
        }
        foreach (var revocation in next.All)
            _list.Add(revocation);
    }

    [LoggerMessage(2040, LogLevel.Error, "The list of revoked tokens is full: {Count} that silos remember have no room. Those silos go on refusing them, others do not.")]
    private partial void LogFull(int count);
}

/// <summary>The record of the store.</summary>
[GenerateSerializer, Alias("notify.StoredRevocations")]
internal sealed class StoredRevocations
{
    /// <summary>All of them.</summary>
    [Id(0)]
    public Revocation[] Revocations { get; set; } = [];
}
