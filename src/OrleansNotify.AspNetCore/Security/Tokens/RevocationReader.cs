using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OrleansNotify.Grains.Revocations;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>
/// Reads the cluster's revoked tokens once a second (PROMISES P12: effective within 5 s). While the grain cannot be reached this silo goes on with what it knows: refusing
/// everybody because one silo is away would be the greater harm.
/// </summary>
internal sealed partial class RevocationReader(RevokedTokens revoked, TokenVerifier tokens, IGrainFactory grains, TimeProvider time, ILogger<RevocationReader> logger) : BackgroundService
{
    private static readonly TimeSpan Period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private (Guid Run, long Version) _read;

    /// <summary>Reads what is new, now.</summary>
    public async Task Read()
    {
        (Guid Run, long Version) last;
        lock (_lock)
            last = _read;
        var grain = grains.GetGrain<IRevocationsGrain>(0);
        var news = await grain.Read(last.Run, last.Version).AsTask().WaitAsync(Deadline, time);
        // A new run, on another silo perhaps: it knows what was stored, and what those remember who read the one before.
        if (news.Run != last.Run && revoked.All is { Length: > 0 } ours)
            await grain.Offer(ours).AsTask().WaitAsync(Deadline, time);
        revoked.Take(news.Revocations, time.GetUtcNow());
        lock (_lock)
            _read = (news.Run, news.Version);
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!tokens.IsOn)
            return;
        using var timer = new PeriodicTimer(Period, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Read();
            }
            catch (Exception exception)
            {
                LogNotRead(exception);
            }
            await ((Task)timer.WaitForNextTickAsync(stoppingToken).AsTask()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    [LoggerMessage(5060, LogLevel.Warning, "The revoked tokens could not be read; until they can, those are refused that were known before.")]
    private partial void LogNotRead(Exception exception);
}
