using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Concurrency;
using Orleans.Storage;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Users;

/// <summary>
/// See <see cref="IUserGrain"/>. Where a store is configured it keeps when the user was seen last, some seconds late: who comes back at once, as all do whose silo
/// stops, costs one write. Without one the activation remembers it, for a day after its last use.
/// </summary>
[GrainType("notify.user"), Reentrant, CollectionAgeLimit(Days = 1)]
internal sealed partial class UserGrain(IServiceProvider services, ILogger<UserGrain> logger) : Grain, IUserGrain
{
    private const string StateName = "user";

    // Spread, so that ten thousand who come at once are no ten thousand writes at once.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(10);

    private readonly IGrainStorage? _storage = services.GetKeyedService<IGrainStorage>(ChannelStorage.ProviderName);
    private readonly GrainState<StoredUser> _stored = new(new StoredUser());
    private DateTimeOffset? _seen;
    private IGrainTimer? _writing;

    /// <inheritdoc />
    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        if (_storage is null)
            return;
        await _storage.ReadStateAsync(StateName, this.GetGrainId(), _stored);
        _seen = _stored.State?.LastSeen;
    }

    /// <inheritdoc />
    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Write();

    /// <inheritdoc />
    public async ValueTask<UserStatus> Get(CancellationToken cancellationToken = default)
    {
        var own = GrainFactory.GetGrain<IChannelGrain>(ChannelName.OfUser(this.GetPrimaryKeyString()));
        var presence = await own.GetPresence(withMembers: true, cancellationToken);
        return new UserStatus([.. (presence.Members ?? []).Select(member => member.Connection)], _seen);
    }

    /// <inheritdoc />
    public ValueTask Saw(DateTimeOffset at)
    {
        // Of two activations of his channel the later one may be the slower.
        if (_seen is null || at > _seen)
            _seen = at;
        if (_storage is not null)
            _writing ??= this.RegisterGrainTimer(Write, new() { DueTime = Patience + (Spread * Random.Shared.NextDouble()), Period = Patience, KeepAlive = true });
        return default;
    }

    private async Task Write()
    {
        if (_storage is null || _seen == _stored.State?.LastSeen)
        {
            _writing?.Dispose();
            _writing = null;
            return;
        }
        try
        {
            _stored.State = new StoredUser { LastSeen = _seen };
            await _storage.WriteStateAsync(StateName, this.GetGrainId(), _stored);
        }
        catch (Exception exception)
        {
            LogNotWritten(exception);
            await Read(); // what is stored now is not known; the timer tries again
        }
    }

    private async Task Read()
    {
        try
        {
            await _storage!.ReadStateAsync(StateName, this.GetGrainId(), _stored);
        }
        catch (Exception exception)
        {
            _stored.State = new StoredUser();
            LogNotWritten(exception);
        }
        if (_stored.State?.LastSeen > _seen)
            _seen = _stored.State.LastSeen;
    }

    [LoggerMessage(3050, LogLevel.Debug, "When a user was seen last could not be stored; it is tried again.")]
    private partial void LogNotWritten(Exception exception);
}

/// <summary>The record of the store.</summary>
[GenerateSerializer, Alias("notify.StoredUser")]
internal sealed class StoredUser
{
    /// <summary>When he was seen last.</summary>
    [Id(0)]
    public DateTimeOffset? LastSeen { get; set; }
}
