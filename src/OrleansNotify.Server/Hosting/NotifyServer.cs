using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansNotify.AspNetCore;
using OrleansNotify.AspNetCore.Api;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Server.Hosting.BackEnds;
using OrleansNotify.Server.Page;

namespace OrleansNotify.Server.Hosting;

/// <summary>Puts the server together: configuration, silo, front-end, web.</summary>
public static class NotifyServer
{
    /// <summary>Where it listens when nothing is configured.</summary>
    public const string DefaultUrl = "http://localhost:3000";

    /// <summary>Builds the host.</summary>
    /// <param name="args">The command line: <c>--insecure</c>, and <c>--key value</c> for any setting.</param>
    /// <param name="configure">Called before the host is built; for tests and embedding.</param>
    /// <exception cref="StartException">Something is configured that cannot be.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        var insecure = args.Contains(ListenGuard.Argument);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = [.. args.Where(a => a != ListenGuard.Argument)],
            ContentRootPath = AppContext.BaseDirectory, // settings lie beside the binary, wherever it is started
        });
        builder.Logging.ClearProviders().AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss ";
            console.ColorBehavior = LoggerColorBehavior.Default;
        });
        configure?.Invoke(builder);

        var configuration = builder.Configuration;
        if (string.IsNullOrEmpty(configuration["urls"]) && string.IsNullOrEmpty(configuration["http_ports"]) && !configuration.GetSection("Kestrel:Endpoints").Exists())
            configuration["urls"] = DefaultUrl;
        var backEnds = BackEndPlan.Read(configuration, insecure);
        builder.Services.AddSingleton(backEnds);
        var asksEverybody = ListenGuard.AsksEverybody(configuration);
        builder.Services.AddSingleton(new ListenTrial(configuration, insecure || asksEverybody));
        builder.UseOrleans(silo =>
        {
            backEnds.Configure(silo);
            silo.AddOrleansNotify(configuration);
        });
        builder.Services.AddOrleansNotify(configuration);
        builder.Services.AddOptions<WarmUpOptions>().BindConfiguration(WarmUpOptions.Section).ValidateOnStart().Validate(
            warmUp => warmUp.Requests is >= 0 and <= WarmUpOptions.MaxRequests, $"{WarmUpOptions.Section}:{nameof(WarmUpOptions.Requests)} must be from 0 to {WarmUpOptions.MaxRequests}.");
        builder.Services.AddSingleton<WarmUp>().AddHealthChecks().AddCheck<WarmUp>("warm_up", tags: [Health.Ready]);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(30)); // PROMISES: drain 20 s inside it
        // A request begins on the thread that read it, and an answer goes out from the thread that wrote it: two changes of thread less. Unsafe would be
        // a handler that blocks or computes for long; ours await, and long fan-outs go to the pool. Beside the default, side by side (4 rounds): 64
        // publishers 1.45 ×, 100 channels × 10 subscribers 1.17 ×, one publisher as before. (Not the platform's inline completions in addition: with them no thread
        // of the pool has anything to do, nobody looks for work, and the processor sleeps between two sequential publishes: 2.1 × the latency, on a virtual machine.)
        builder.WebHost.UseSockets(sockets => sockets.UnsafePreferInlineScheduling = true);
        builder.WebHost.ConfigureKestrel((context, kestrel) =>
        {
            kestrel.AddServerHeader = false;
            var logger = kestrel.ApplicationServices.GetRequiredService<ILoggerFactory>().CreateLogger("OrleansNotify.Server");
            kestrel.ConfigureEndpointDefaults(listen =>
            {
                // A browser that got the page over HTTP/2 opens its WebSocket on that connection (RFC 8441), whose streams are no sockets to hand on: the
                // transport writes its frames to an upgraded HTTP/1.1 connection.
                listen.Protocols = HttpProtocols.Http1;
                ListenGuard.Check(listen, insecure, asksEverybody, logger);
                listen.UseOrleansNotify();
            });
        });

        var app = builder.Build();
        app.UseOrleansNotify();
        app.MapOrleansNotify();
        app.MapPage();
        return app;
    }

    /// <summary>Starts what <see cref="Build"/> has built, after a look at what it will stand on: a certificate that cannot be read, a port that is taken, a store that is away or refuses us ends the start here, within seconds, with one sentence, and before the silo joins its cluster.</summary>
    /// <exception cref="StartException">Something cannot be used.</exception>
    public static async Task StartAsync(WebApplication app, CancellationToken cancellationToken = default)
    {
        var services = app.Services;
        services.GetService<IStartupValidator>()?.Validate(); // settings first: they need nobody's answer
        services.GetRequiredService<ListenTrial>().Check(services, app.Urls);
        var anyDurable = services.GetRequiredService<ChannelNamespaces>().Namespaces.Values.Any(space => space.Class == ChannelClass.Durable);
        await services.GetRequiredService<BackEndPlan>().Check(
            services.GetRequiredService<IOptions<EndpointOptions>>().Value, anyDurable, TimeProvider.System, cancellationToken);
        await app.StartAsync(cancellationToken);
        await services.GetRequiredService<WarmUp>().RunAsync(app.Urls, app.Lifetime.ApplicationStopping);
    }
}
