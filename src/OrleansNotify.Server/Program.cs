using OrleansNotify.Server.Hosting;
using OrleansNotify.Server.Verbs;

try
{
    if (args is ["cluster", .. var wanted])
        return await ClusterVerb.RunAsync(wanted);
    if (args is ["token", .. var token])
        return TokenVerb.Run(token, Console.Out, TimeProvider.System);
    if (args is ["api-key", .. var key])
        return ApiKeyVerb.Run(key, Console.Out);
    if (args is ["check-config", .. var settings])
        return await CheckConfigVerb.RunAsync(settings, Console.Out, Console.Error);
    var app = NotifyServer.Build(args);
    // The first Ctrl-C drains; a second one ends at once.
    var presses = 0;
    Console.CancelKeyPress += (_, _) =>
    {
        if (++presses > 1)
            Environment.Exit(130);
    };
    await NotifyServer.StartAsync(app);
    Console.WriteLine($"OrleansNotify is ready: {string.Join(" ", app.Urls)}  (page: /, WebSocket: /ws, publish: POST /api/events, docs: /docs)");
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception exception) when (StartFailure.Describe(exception) is { } sentence)
{
    Console.Error.WriteLine(sentence);
    return 1;
}
