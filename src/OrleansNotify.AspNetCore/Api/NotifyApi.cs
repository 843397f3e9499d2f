using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.AspNetCore.Telemetry;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>Puts the HTTP side together: publishing, statistics, connections, channels, health, metrics, documentation.</summary>
internal static class NotifyApi
{
    /// <summary>Adds what the endpoints need, the publisher, the counts and the metrics.</summary>
    public static IServiceCollection AddNotifyApi(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddMetrics();
        services.AddOptions<LimitOptions>().Bind(configuration.GetSection(LimitOptions.Section)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LimitOptions>, LimitOptionsCheck>());
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<LimitOptions>>(
            (kestrel, limits) => kestrel.Limits.RequestHeadersTimeout = limits.Value.HandshakeTimeout);
        services.TryAddSingleton<SubscriptionCounts>();
        services.TryAddSingleton<NotifyMetrics>();
        services.TryAddSingleton<ChannelPublisher>();
        return services;
    }

    /// <summary>Origin and host checks.</summary>
    public static IApplicationBuilder UseNotifySecurity(this IApplicationBuilder app) => app;

    /// <summary><c>/api</c>, <c>/health</c>, <c>/metrics</c>, <c>/openapi/v1.json</c>, <c>/docs</c>.</summary>
    public static IEndpointRouteBuilder MapNotifyApi(this IEndpointRouteBuilder routes) => routes;
}
