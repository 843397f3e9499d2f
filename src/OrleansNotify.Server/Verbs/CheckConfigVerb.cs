using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.AspNetCore.Webhooks;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Server.Hosting.BackEnds;

namespace OrleansNotify.Server.Verbs;

/// <summary><c>check-config</c>: says what the configuration means, secrets left out, or what is wrong with it. Nothing is started and nobody is asked: a store or an issuer may still be away.</summary>
internal static class CheckConfigVerb
{
    /// <summary>Checks it and returns the exit code: 0, or 1 with a line for each problem.</summary>
    /// <param name="args">What stands behind the verb: the server's own arguments.</param>
    /// <param name="output">Where it is printed.</param>
    /// <param name="errors">Where problems are printed.</param>
    public static async Task<int> RunAsync(string[] args, TextWriter output, TextWriter errors)
    {
        IServiceCollection? services = null;
        try
        {
            await using var app = NotifyServer.Build(args, builder => services = builder.Services);
            app.Services.GetService<IStartupValidator>()?.Validate();
            if (Refusals(app) is { Count: > 0 } refusals)
                throw new AggregateException(refusals);
            foreach (var line in Describe(app.Services, app.Configuration))
                await output.WriteLineAsync(line);
            return 0;
        }
        catch (Exception exception) when (Problems(exception) is { Count: > 0 } problems)
        {
            foreach (var problem in exception is OptionsValidationException && services is not null ? await All(services) ?? problems : problems)
                await errors.WriteLineAsync(problem);
            return 1;
        }
    }

    // Where a start would refuse to listen. Whether it is free there is no matter of the configuration: the server may be running meanwhile.
    private static List<StartException> Refusals(WebApplication app)
    {
        var services = app.Services;
        List<StartException> refusals = [];
        Try(() => services.GetRequiredService<ListenTrial>().Check(services, app.Urls, bind: false));
        Try(() => services.GetRequiredService<BackEndPlan>().CheckListening(services.GetRequiredService<IOptions<Orleans.Configuration.EndpointOptions>>().Value));
        return refusals;

        void Try(Action check)
        {
            try
            {
                check();
            }
            catch (StartException refusal)
            {
                refusals.Add(refusal);
            }
        }
    }

    // Building ends at the first bad options it needs; of the same services without a server all of them are read.
    private static async Task<List<string>?> All(IServiceCollection services)
    {
        await using var provider = services.BuildServiceProvider();
        try
        {
            provider.GetService<IStartupValidator>()?.Validate();
            return null;
        }
        catch (Exception exception) when (Problems(exception) is { Count: > 0 } problems)
        {
            return problems;
        }
    }

    // Several classes of options may be wrong at once; a start would say the first only.
    private static List<string> Problems(Exception exception) => exception is AggregateException several
        ? [.. several.InnerExceptions.Select(StartFailure.Describe).OfType<string>()]
        : StartFailure.Describe(exception) is { } sentence ? [sentence] : [];

    private static IEnumerable<string> Describe(IServiceProvider services, IConfiguration configuration)
    {
        var cluster = Section<ClusterOptions>(configuration, ClusterOptions.Section);
        var storage = Section<StorageOptions>(configuration, StorageOptions.Section);
        yield return $"Listens on: {Listens(configuration)}";
        yield return $"Cluster: {cluster.ClusterId}, {cluster.Provider}, connection string {(cluster.ConnectionString.Length > 0 ? "set" : "not set")}, silo port {cluster.SiloPort}, gateway port {(cluster.GatewayPort == 0 ? "none" : cluster.GatewayPort)}";
        yield return $"Durable channels: {storage.Provider?.ToString() ?? "as the cluster's provider says"}, connection string {(storage.ConnectionString.Length > 0 ? "set" : "not set")}, Sqlite's file {storage.Path}";
        foreach (var (name, settings) in services.GetRequiredService<IOptions<ChannelNamespaces>>().Value.Namespaces.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            yield return $"Namespace {name}: {settings.Class}, {settings.HistorySize} publications or {settings.HistoryBytes} bytes for {settings.HistoryTtl}, clients {(settings.ClientPublish ? "may" : "may not")} publish";
        var limits = services.GetRequiredService<IOptions<LimitOptions>>().Value;
        yield return $"Limits: {limits.ConnectionsPerSilo} connections, messages of {limits.MessageBytes} bytes, publications of {limits.BodyBytes} bytes, {limits.SubscriptionsPerConnection} subscriptions per connection";
        var security = services.GetRequiredService<IOptions<SecurityOptions>>().Value;
        yield return $"Web pages of other origins: {List(security.AllowedOrigins, "none")}; host names: {List(security.AllowedHosts, "any, on loopback its own only")}; known proxies: {List(security.KnownProxies, "none")}";
        yield return Tokens(services.GetRequiredService<IOptions<TokenOptions>>().Value);
        var keys = services.GetRequiredService<IOptions<ApiKeyOptions>>().Value.Keys;
        if (keys.Count == 0)
            yield return "API keys: none";
        foreach (var key in keys)
            yield return $"API key {key.Name}: {string.Join(", ", key.Scopes)}; channels: {List(key.Channels, "all")}";
        foreach (var (number, hook) in services.GetRequiredService<IOptions<WebhookOptions>>().Value.Hooks.Index())
            yield return $"Webhook {number}: to {new Uri(hook.Url).GetLeftPart(UriPartial.Authority)}, events: {List(hook.Events, "all")}; channels: {List(hook.Channels, "all")}; at most {hook.QueueEvents} waiting, {hook.Tries} tries of {hook.Timeout} within {hook.TryFor}"; // a path may be a secret
    }

    private static string Tokens(TokenOptions options)
    {
        if (options.Algorithms.Length == 0)
            return "Tokens: off";
        var keys = new List<string>();
        if (options.HmacKeys.Length > 0)
            keys.Add($"{options.HmacKeys.Length} secret(s)");
        keys.AddRange(options.PublicKeyFiles);
        if (options.JwksUrl.Length > 0)
            keys.Add(new Uri(options.JwksUrl).GetLeftPart(UriPartial.Path)); // a query may be a secret
        if (options.JwksFile.Length > 0)
            keys.Add(options.JwksFile);
        return $"Tokens: {string.Join(", ", options.Algorithms)} by {string.Join(", ", keys)}; issuer {Text(options.Issuer)}; audience {Text(options.Audience)}; clock skew {options.ClockSkew}; at most {options.MaxTokenBytes} bytes";

        static string Text(string value) => value.Length == 0 ? "not checked" : value;
    }

    private static string Listens(IConfiguration configuration)
    {
        var endpoints = configuration.GetSection("Kestrel:Endpoints").GetChildren().Select(endpoint => endpoint["Url"]).OfType<string>().ToList();
        return endpoints.Count > 0 ? string.Join(", ", endpoints) : configuration["urls"] ?? $"ports {configuration["http_ports"]}";
    }

    private static T Section<T>(IConfiguration configuration, string section)
        where T : new() => configuration.GetSection(section).Get<T>() ?? new T();

    private static string List(string[] values, string none) => values.Length == 0 ? none : string.Join(", ", values);
}
