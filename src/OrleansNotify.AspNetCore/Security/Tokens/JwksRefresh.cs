using Microsoft.Extensions.Hosting;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>Keeps the issuer's keys fresh. The start does not wait for them: an issuer that is away keeps nobody else from being served.</summary>
internal sealed class JwksRefresh(JwksCache cache, TimeProvider time) : BackgroundService
{
    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (cache.IsOn)
        {
            await cache.Refresh(stoppingToken);
            await Task.Delay(cache.HasFailed ? JwksCache.Pause : JwksCache.Period, time, stoppingToken);
        }
    }
}
