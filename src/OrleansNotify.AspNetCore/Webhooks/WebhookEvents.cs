using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Protocol;

namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>Makes events of what happens on this silo, and hands them to the hooks that want them. Nothing here waits.</summary>
internal sealed class WebhookEvents : IConnectionWatch, IChannelWatch, IDisposable
{
    private readonly string _source;
    private readonly TimeProvider _time;

    /// <summary>With checked options.</summary>
    public WebhookEvents(IOptions<WebhookOptions> options, IOptions<ClusterOptions> cluster, NotifyMetrics metrics, TimeProvider time, ILogger<Webhook> logger)
    {
        _source = $"urn:orleansnotify:{Uri.EscapeDataString(cluster.Value.ClusterId)}";
        _time = time;
        Hooks = [.. options.Value.Hooks.Select((settings, number) => new Webhook(number, settings, metrics, time, logger))];
    }

    /// <summary>The hooks, as configured.</summary>
    public Webhook[] Hooks { get; }

    /// <inheritdoc />
    public void Connected(Connection connection) => Tell(new(WebhookEventKind.Connected, connection, null));

    /// <inheritdoc />
    public void Subscribed(Connection connection, string channel) => Tell(new(WebhookEventKind.Subscribed, connection, channel));

    /// <inheritdoc />
    public void Unsubscribed(Connection connection, string channel) => Tell(new(WebhookEventKind.Unsubscribed, connection, channel));

    /// <inheritdoc />
    public void Disconnected(Connection connection, DisconnectCode? code, string? reason) => Tell(new(WebhookEventKind.Disconnected, connection, null, code, reason));

    /// <inheritdoc />
    public void Occupied(string channel) => Tell(new(WebhookEventKind.Occupied, null, channel));

    /// <inheritdoc />
    public void Vacated(string channel) => Tell(new(WebhookEventKind.Vacated, null, channel));

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var hook in Hooks)
            hook.Dispose();
    }

    private void Tell(WebhookEvent told)
    {
        byte[]? encoded = null;
        foreach (var hook in Hooks)
        {
            if (hook.Wants(told.Kind, told.Channel))
                hook.Offer(encoded ??= told.Encode(_source, _time.GetUtcNow()));
        }
    }
}
