using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.AspNetCore.Delivery;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.AspNetCore.Transports;
using OrleansNotify.AspNetCore.Transports.Sse;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.AspNetCore.Webhooks;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.AspNetCore;

/// <summary>Puts OrleansNotify into an ASP.NET Core host that is also an Orleans silo.</summary>
public static class OrleansNotifyExtensions
{
    /// <summary>The silo's part: channels, the stream provider, statistics. Clustering is the host's to choose.</summary>
    public static ISiloBuilder AddOrleansNotify(this ISiloBuilder silo, IConfiguration configuration) =>
        silo.AddChannels(configuration).AddFrontEndStreams();

    /// <summary>The front-end's part: connections, publishing, the HTTP API. Call it after <c>UseOrleans</c>, so that it starts after the silo and stops before it.</summary>
    public static IServiceCollection AddOrleansNotify(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddRouting();
        services.AddNotifyApi(configuration);
        services.AddOptions<DevelopmentOptions>().BindConfiguration("Notify:Development");
        services.AddTokens(configuration);
        services.AddApiKeys(configuration);
        services.AddWebhooks(configuration); // before the front-end's service, to stop behind it
        services.AddSingleton<ChannelCalls>();
        services.AddSingleton<AttachedChannels>();
        services.AddSingleton<ConnectionTable>();
        services.AddSingleton<BeatMonitor>();
        services.AddSingleton<NotifyFrontEnd>();
        services.AddSingleton<IFrontEnd>(s => s.GetRequiredService<NotifyFrontEnd>());
        services.TryAddSingleton<IFanOut>(s => s.GetRequiredService<NotifyFrontEnd>());
        services.AddSingleton<INotifySessions>(s => s.GetRequiredService<NotifyFrontEnd>());
        services.AddSingleton<IConnectionDirectory>(s => s.GetRequiredService<NotifyFrontEnd>());
        services.AddSingleton<IFrontEndReadiness>(s => s.GetRequiredService<NotifyFrontEnd>());
        services.AddSingleton<HandshakeGarbage>();
        services.AddSingleton<HandshakeLimit>();
        services.AddSingleton<DevelopmentUser>();
        services.AddSingleton<OwnHandshakes>();
        services.AddSingleton<WebSocketEndpoint>();
        services.AddSingleton<SseEndpoint>();
        services.AddHostedService<FrontEndService>();
        return services;
    }

    /// <summary>Known proxies' headers, then origin and host checks: before anything that answers.</summary>
    public static IApplicationBuilder UseOrleansNotify(this IApplicationBuilder app) => app.UseKnownProxies().UseNotifySecurity();

    /// <summary>
    /// Lets WebSockets of an endpoint leave HTTP behind once they are accepted, which nearly halves what an idle one weighs. Call it first, in
    /// <c>ConfigureEndpointDefaults</c>; without it, and over TLS, they stay with their request.
    /// </summary>
    public static IConnectionBuilder UseOrleansNotify(this IConnectionBuilder connections) => connections.Use(next => connection => HandOver.Run(connection, next));

    /// <summary><c>/ws</c>, <c>/sse</c>, <c>/api</c>, <c>/health</c>, <c>/metrics</c>, <c>/openapi/v1.json</c>, <c>/docs</c>.</summary>
    public static IEndpointRouteBuilder MapOrleansNotify(this IEndpointRouteBuilder routes)
    {
        WebSocketEndpoint.Map(routes, routes.ServiceProvider.GetRequiredService<WebSocketEndpoint>());
        SseEndpoint.Map(routes, routes.ServiceProvider.GetRequiredService<SseEndpoint>());
        routes.MapNotifyApi();
        return routes;
    }
}
