using Microsoft.Extensions.Hosting;

namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>The hooks' life: sends for as long as the silo runs, and what waits then for <see cref="Farewell"/> more.</summary>
internal sealed class WebhookService(WebhookEvents events, TimeProvider time) : IHostedService, IDisposable
{
    /// <summary>Of the 30 s of a host's shutdown the connections and channels take 20.</summary>
    public static readonly TimeSpan Farewell = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    /// <inheritdoc />
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _running = Task.WhenAll(events.Hooks.Select(hook => hook.Run(_stopping.Token)));
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        foreach (var hook in events.Hooks)
            hook.Complete();
        await _running.WaitAsync(Farewell, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _stopping.CancelAsync();
        await _running;
    }

    /// <inheritdoc />
    public void Dispose() => _stopping.Dispose();
}
