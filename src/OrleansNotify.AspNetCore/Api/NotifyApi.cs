using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.OpenApi;
using OpenTelemetry.Metrics;
using Orleans.Configuration;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.AspNetCore.Telemetry;
using OrleansNotify.Grains.Channels;
using Scalar.AspNetCore;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>Puts the HTTP side together: publishing, statistics, connections, channels, health, metrics, documentation.</summary>
internal static class NotifyApi
{
    // .NET's own meter of the process: memory, garbage collection, thread pool. The meter of Orleans stays off: it would measure every message.
    private const string RuntimeMeter = "System.Runtime";

    /// <summary>Adds what the endpoints need, the publisher, the counts and the metrics. Call it after <c>UseOrleans</c>: the reporter stops before the silo.</summary>
    public static IServiceCollection AddNotifyApi(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<LimitOptions>().Bind(configuration.GetSection(LimitOptions.Section)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<LimitOptions>, LimitOptionsCheck>());
        services.AddOptions<SecurityOptions>().Bind(configuration.GetSection(SecurityOptions.Section)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<SecurityOptions>, SecurityOptionsCheck>());
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<LimitOptions>>(
            (kestrel, limits) => kestrel.Limits.RequestHeadersTimeout = limits.Value.HandshakeTimeout);
        services.AddOptions<SiloMessagingOptions>().Configure<IOptions<LimitOptions>>((silo, limits) =>
        {
            silo.MaxEnqueuedRequestsHardLimit = limits.Value.GrainQueue - 1; // Orleans refuses what comes above it, not at it
            silo.MaxEnqueuedRequestsSoftLimit = limits.Value.GrainQueue * 2 / 5;
        });
        services.AddOptions<ActivationOptions>().Configure<IOptions<LimitOptions>>((channels, limits) => channels.PerSecond = limits.Value.ActivationsPerSecond);
        services.AddSingleton<OriginGuard>();
        services.AddSingleton<HostGuard>();
        services.AddSingleton<SubscriptionCounts>();
        services.AddSingleton<NotifyMetrics>();
        services.AddSingleton<ChannelPublisher>();
        services.AddSingleton<PublishEndpoint>();
        services.AddSingleton<BatchEndpoint>();
        services.AddSingleton<RevocationEndpoints>();
        services.AddSingleton<StatsReporter>();
        services.AddHostedService(s => s.GetRequiredService<StatsReporter>());
        services.AddSingleton<StatsEndpoint>();
        services.AddSingleton<ClusterSilos>();
        services.AddSingleton<ConnectionsEndpoints>();
        services.AddSingleton<UsersEndpoints>();
        services.AddSingleton<ChannelList>();
        services.AddSingleton<ChannelsEndpoints>();
        // The platform logs an error for every probe that finds a part unwell, all through a planned stop; who probes has the answer.
        services.AddLogging(logging => logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks.DefaultHealthCheckService", LogLevel.None));
        // From Information on it logs the address of every request, and with it ?access_token=; it has nothing to say above, but while it could, each request
        // begins an Activity for it. (Tracing makes its own.)
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None));
        // From Debug on it logs the line of a request that it cannot read: an access_token or an Authorization header as well.
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.None));
        services.AddHealthChecks()
            .AddCheck<SiloHealth>("silo", tags: [Health.Ready])
            .AddCheck<FrontEndHealth>("front_end", tags: [Health.Ready])
            .AddCheck<HostHealth>("host", tags: [Health.Ready]);
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default));
        services.AddOpenApi(ApiDocument.Name, document => document.AddDocumentTransformer(ApiDocument.Describe));
        services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(NotifyMetrics.MeterName).AddMeter(RuntimeMeter).AddPrometheusExporter());
        return services;
    }

    /// <summary>Origin and host checks, and a body for every error under <c>/api</c>: before anything that answers.</summary>
    public static IApplicationBuilder UseNotifySecurity(this IApplicationBuilder app) =>
        app.UseMiddleware<SecurityMiddleware>().UseMiddleware<ApiErrors>();

    /// <summary><c>/api</c>, <c>/health</c>, <c>/metrics</c>, <c>/openapi/v1.json</c>, <c>/docs</c>.</summary>
    public static IEndpointRouteBuilder MapNotifyApi(this IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/api");
        MapPublishing(api, routes.ServiceProvider);
        MapStats(api);
        MapConnections(api);
        MapUsers(api);
        MapRevocations(api);
        MapChannels(api, routes.ServiceProvider.GetRequiredService<ChannelLimitOptions>().HistoryPageSize);
        routes.MapHealthChecks("/health", Health.All);
        routes.MapHealthChecks("/health/live", Health.Live);
        routes.MapHealthChecks("/health/ready", Health.Readiness);
        routes.MapPrometheusScrapingEndpoint("/metrics").Requires(ApiScopes.Read, everyChannel: true);
        routes.MapOpenApi();
        routes.MapScalarApiReference("/docs", Offline).ExcludeFromDescription();
        return routes;
    }

    // The page's script is served from here, and it is told to fetch nothing from anywhere else.
    private static void Offline(ScalarOptions docs)
    {
        docs.Title = "OrleansNotify API";
        docs.BundleUrl = null;
        docs.DefaultFonts = false;
        docs.Telemetry = false;
        docs.ProxyUrl = null;
        docs.HideClientButton = true;
        docs.ShowDeveloperTools = DeveloperToolsVisibility.Never;
        docs.Agent = new ScalarAgentOptions { Disabled = true };
        docs.Mcp = new ScalarMcpOptions { Disabled = true };
    }

    private static void MapPublishing(IEndpointRouteBuilder api, IServiceProvider services)
    {
        var publish = services.GetRequiredService<PublishEndpoint>();
        var batch = services.GetRequiredService<BatchEndpoint>();
        MapBare(api, "/events", publish.Invoke)
            .Requires(ApiScopes.Publish)
            .WithMetadata(AnswersItsErrors.Instance)
            .WithTags("Publish").WithName("publish")
            .ProducesProblem(400).ProducesProblem(413).ProducesProblem(415).ProducesProblem(422).ProducesProblem(429).ProducesProblem(503)
            .AddOpenApiOperationTransformer(ApiDocument.Publish);
        MapBare(api, "/users/{user}/events", publish.InvokeForUser)
            .Requires(ApiScopes.Publish)
            .WithMetadata(AnswersItsErrors.Instance)
            .WithTags("Publish").WithName("publishToUser")
            .ProducesProblem(400).ProducesProblem(413).ProducesProblem(415).ProducesProblem(422).ProducesProblem(429).ProducesProblem(503)
            .AddOpenApiOperationTransformer(ApiDocument.PublishToUser);
        MapBare(api, "/events/batch", batch.Invoke)
            .Requires(ApiScopes.Publish)
            .WithTags("Publish").WithName("publishBatch")
            .WithDescription("A JSON array, or application/x-ndjson with one event a line. A bad item fails alone; items of one channel go in their order.")
            .ProducesProblem(400).ProducesProblem(413).ProducesProblem(415)
            .AddOpenApiOperationTransformer(ApiDocument.PublishBatch);
    }

    // As a plain request delegate; its method, said here, puts it into the OpenAPI document.
    private static IEndpointConventionBuilder MapBare(IEndpointRouteBuilder api, string pattern, RequestDelegate handler) =>
        api.MapPost(pattern, handler).WithMetadata(handler.Method);

    private static void MapStats(IEndpointRouteBuilder api) =>
        api.MapGet("/stats", (StatsEndpoint stats, CancellationToken cancellationToken) => stats.Read(cancellationToken))
            .Requires(ApiScopes.Read, everyChannel: true)
            .WithTags("Look").WithName("stats").WithSummary("Statistics of the cluster")
            .Produces<StatsReply>();

    private static void MapConnections(IEndpointRouteBuilder api)
    {
        api.MapGet("/connections", (HttpRequest request, ConnectionsEndpoints connections, CancellationToken cancellationToken) => connections.List(request, cancellationToken))
            .Requires(ApiScopes.Read, everyChannel: true)
            .WithTags("Connections").WithName("connections").WithSummary("Active connections of the cluster")
            .Takes(
                ("channel", JsonSchemaType.String, "Only those subscribed to it."),
                ("user", JsonSchemaType.String, "Only this user's."),
                ("limit", JsonSchemaType.Integer, $"1 to {ConnectionsEndpoints.MaxLimit}; default {ConnectionsEndpoints.DefaultLimit}."),
                ("after", JsonSchemaType.String, "The last id of the page before."))
            .Produces<ConnectionsReply>().ProducesProblem(400);
        api.MapDelete("/connections/{id}", (string id, ConnectionsEndpoints connections, CancellationToken cancellationToken) => connections.Disconnect(id, cancellationToken))
            .Requires(ApiScopes.Admin, everyChannel: true)
            .WithTags("Connections").WithName("disconnect").WithSummary("Disconnect one connection (close 3503: the client does not come back by itself)")
            .Produces(204).ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);
        api.MapPost("/users/{user}/disconnect", (string user, ConnectionsEndpoints connections, CancellationToken cancellationToken) => connections.DisconnectUser(user, cancellationToken))
            .Requires(ApiScopes.Admin, everyChannel: true)
            .WithTags("Connections").WithName("disconnectUser").WithSummary("Disconnect all connections of a user")
            .Produces<DisconnectReply>().ProducesProblem(400);
    }

    private static void MapUsers(IEndpointRouteBuilder api)
    {
        const string Encoded = "The channel is percent-encoded once: '/' as %2F, '#' as %23. About the connections there are now: what comes later is its token's business.";
        api.MapGet("/users/{user}", (string user, UsersEndpoints users, CancellationToken cancellationToken) => users.Get(user, cancellationToken))
            .Requires(ApiScopes.Read, everyChannel: true)
            .WithTags("Users").WithName("user").WithSummary("Whether a user is there, and by which connections")
            .Produces<UserReply>().ProducesProblem(400).ProducesProblem(503);
        api.MapPut("/users/{user}/subscriptions/{channel}", (string user, string channel, HttpContext context, UsersEndpoints users) => users.Subscribe(user, channel, context))
            .Requires(ApiScopes.Admin)
            .WithTags("Users").WithName("subscribeUser").WithSummary("Put all connections of a user on a channel, whatever their tokens allow").WithDescription(Encoded)
            .Produces<UserSubscriptionReply>().ProducesProblem(400).ProducesProblem(404);
        api.MapDelete("/users/{user}/subscriptions/{channel}", (string user, string channel, HttpContext context, UsersEndpoints users) => users.Unsubscribe(user, channel, context))
            .Requires(ApiScopes.Admin)
            .WithTags("Users").WithName("unsubscribeUser").WithSummary("Take all connections of a user from a channel, by whatever they got there; they are told").WithDescription(Encoded)
            .Produces<UserSubscriptionReply>().ProducesProblem(400).ProducesProblem(404);
    }

    private static void MapRevocations(IEndpointRouteBuilder api)
    {
        const string Until = "Until when the revocation is kept, in seconds since 1970: the \"exp\" of the last token it is about. Default: 30 days from now, unless configured otherwise.";
        api.MapPost("/tokens/{id}/revoke", (string id, HttpRequest request, RevocationEndpoints revocations) => revocations.RevokeToken(id, request))
            .Requires(ApiScopes.Admin, everyChannel: true)
            .WithTags("Connections").WithName("revokeToken").WithSummary("Revoke a token by its id (\"jti\"): who lives by it is disconnected within 5 s (close 3500), nobody can connect with it")
            .Takes(("expires", JsonSchemaType.Integer, Until))
            .Produces<RevocationReply>().ProducesProblem(400).ProducesProblem(409).ProducesProblem(503);
        api.MapPost("/users/{user}/revoke", (string user, HttpRequest request, RevocationEndpoints revocations) => revocations.RevokeUser(user, request))
            .Requires(ApiScopes.Admin, everyChannel: true)
            .WithTags("Connections").WithName("revokeUser").WithSummary("Revoke all tokens that a user was given until now, but for those that say they were issued later (\"iat\")")
            .Takes(("expires", JsonSchemaType.Integer, Until))
            .Produces<RevocationReply>().ProducesProblem(400).ProducesProblem(409).ProducesProblem(503);
    }

    private static void MapChannels(IEndpointRouteBuilder api, int historyPageSize)
    {
        const string Encoded = "The name is percent-encoded once: '/' as %2F, '#' as %23.";
        api.MapGet("/channels", (HttpRequest request, ChannelsEndpoints channels, CancellationToken cancellationToken) => channels.List(request, cancellationToken))
            .Requires(ApiScopes.Read, everyChannel: true)
            .WithTags("Channels").WithName("channels").WithSummary("Live channels of the cluster, by name")
            .Takes(
                ("pattern", JsonSchemaType.String, "Such as chat.* (one level) or chat.** (one or more)."),
                ("limit", JsonSchemaType.Integer, $"1 to {ChannelsEndpoints.MaxLimit}; default {ChannelsEndpoints.DefaultLimit}."),
                ("after", JsonSchemaType.String, "The \"next\" of the page before."))
            .Produces<ChannelsReply>().ProducesProblem(400);
        api.MapGet("/channels/{channel}", (string channel, HttpContext context, ChannelsEndpoints channels) => channels.Get(channel, context))
            .Requires(ApiScopes.Read)
            .WithTags("Channels").WithName("channel").WithSummary("Where a channel stands").WithDescription(Encoded)
            .Produces<ChannelReply>().ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);
        api.MapGet("/channels/{channel}/history", (string channel, HttpContext context, ChannelsEndpoints channels) => channels.History(channel, context))
            .Requires(ApiScopes.Read)
            .WithTags("Channels").WithName("history").WithSummary("What a channel keeps").WithDescription(Encoded)
            .Takes(
                ("since", JsonSchemaType.Integer, "Only publications of a higher offset."),
                ("epoch", JsonSchemaType.String, "The epoch 'since' belongs to; when the channel has another by now, or has not come as far, the answer is 409 with its position."),
                ("limit", JsonSchemaType.Integer, $"0 (the position alone) to {historyPageSize}; default {historyPageSize}."),
                ("reverse", JsonSchemaType.Boolean, "Newest first: with a limit, the last ones."))
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(409).ProducesProblem(503)
            .AddOpenApiOperationTransformer(ApiDocument.History);
        api.MapGet("/channels/{channel}/presence", (string channel, HttpContext context, ChannelsEndpoints channels) => channels.Presence(channel, context))
            .Requires(ApiScopes.Read)
            .WithTags("Channels").WithName("presence").WithSummary("Who is on a channel").WithDescription($"{Encoded} Beyond 1,000 members (unless configured otherwise) there are counts only.")
            .ProducesProblem(400).ProducesProblem(404).ProducesProblem(503)
            .AddOpenApiOperationTransformer(ApiDocument.Presence);
        api.MapDelete("/channels/{channel}/history", (string channel, HttpContext context, ChannelsEndpoints channels) => channels.Erase(channel, context))
            .Requires(ApiScopes.Admin)
            .WithTags("Channels").WithName("eraseHistory").WithSummary("Erase what a channel keeps; offsets go on").WithDescription(Encoded)
            .Produces(204).ProducesProblem(400).ProducesProblem(404).ProducesProblem(503);
    }
}
