using System.Globalization;
using System.Runtime.InteropServices;
using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Server.Verbs;

/// <summary><c>cluster</c>: a real cluster on this machine, for people without Docker: a store and several silos, each a process of its own, until Ctrl-C.</summary>
internal static class ClusterVerb
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(90); // several cold starts at once
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(45);  // a silo's own shutdown takes 30 s at most

    /// <summary>Runs it to its end and returns the exit code.</summary>
    /// <param name="args">What stands behind the verb.</param>
    public static async Task<int> RunAsync(string[] args)
    {
        var wanted = ClusterArguments.Parse(args);
        using var stopping = new CancellationTokenSource();
        // A terminal's Ctrl-C reaches the silos as well, and they drain by themselves; the store has a session of its own and ends last.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);

        var folder = Directory.CreateDirectory(wanted.Folder).FullName;
        Console.WriteLine($"Starting {(wanted.Store == LocalStoreKind.Redis ? "Redis" : "Azurite")} and {wanted.Silos} silos; logs in {folder}");
        try
        {
            await RunAsync(wanted, folder, stopping.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }

        return 0;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stopping.Cancel();
        }
    }

    private static async Task RunAsync(ClusterArguments wanted, string folder, CancellationToken stopping)
    {
        await using var store = await LocalStore.StartAsync(wanted.Store, folder, stopping);
        var silos = new List<LoggedProcess>();
        try
        {
            var cluster = $"local-{TimeProvider.System.GetUtcNow():yyyyMMddHHmmss}"; // a new one each time: no rows of silos that were killed
            for (var i = 0; i < wanted.Silos; i++)
                silos.Add(StartSilo(i, wanted, cluster, store, folder));
            for (var i = 0; i < silos.Count; i++)
                await Ready(silos[i], wanted.Url(i), stopping);
            Console.WriteLine(Table(wanted, silos, store));
            await Watch(silos, stopping);
        }
        finally
        {
            Console.WriteLine("Stopping…");
            await Task.WhenAll(silos.Select(silo => silo.StopAsync(StopTimeout)));
        }
    }

    private static LoggedProcess StartSilo(int index, ClusterArguments wanted, string cluster, LocalStore store, string folder)
    {
        string[] arguments =
        [
            "--urls", wanted.Url(index),
            "--Notify:Cluster:ClusterId", cluster,
            "--Notify:Cluster:AdvertisedAddress", "127.0.0.1",
            "--Notify:Cluster:SiloPort", FreePorts.Next(),
            "--Notify:Cluster:GatewayPort", FreePorts.Next(),
            .. store.Settings,
            .. wanted.ForSilos,
        ];
        // "dotnet X.dll" and the program made of X.dll are started in different ways.
        var self = Environment.ProcessPath ?? "dotnet";
        var hosted = Path.GetFileNameWithoutExtension(self).Equals("dotnet", StringComparison.OrdinalIgnoreCase);
        return LoggedProcess.Start(
            $"silo {index + 1}", self, [.. hosted ? (string[])[typeof(ClusterVerb).Assembly.Location] : [], .. arguments], Path.Combine(folder, $"silo-{index + 1}.log"), ownSession: false);
    }

    private static async Task Ready(LoggedProcess silo, string url, CancellationToken stopping)
    {
        using var http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(2) };
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (silo.HasExited)
                throw new StartException($"{silo.Name} did not start: {silo.LastLine()} (all of it: {silo.Log})");
            if (TimeProvider.System.GetElapsedTime(began) > StartTimeout)
                throw new StartException($"{silo.Name} was not ready after {StartTimeout.TotalSeconds:0} s; see {silo.Log}");
            try
            {
                using var reply = await http.GetAsync(new Uri("/health/ready", UriKind.Relative), stopping);
                if (reply.IsSuccessStatusCode)
                    return;
            }
            catch (Exception notYet) when (notYet is HttpRequestException || (notYet is TaskCanceledException && !stopping.IsCancellationRequested))
            {
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, stopping);
        }
    }

    /// <summary>Returns when asked to stop, or when no silo is left; says which one ended meanwhile.</summary>
    private static async Task Watch(List<LoggedProcess> silos, CancellationToken stopping)
    {
        var running = silos.ToDictionary(silo => silo.Exited(stopping));
        while (running.Count > 0)
        {
            var ended = await Task.WhenAny(running.Keys);
            await ended; // cancelled: we stop
            running.Remove(ended, out var silo);
            Console.WriteLine($"{silo!.Name} (process {silo.Id}) has ended; {running.Count} are left. Its log: {silo.Log}");
        }
    }

    private static string Table(ClusterArguments wanted, List<LoggedProcess> silos, LocalStore store)
    {
        var rows = silos.Select((silo, i) => (silo.Name, wanted.Url(i), silo.Id.ToString(CultureInfo.InvariantCulture), silo.Log))
            .Append((store.Name, store.Address, store.Id.ToString(CultureInfo.InvariantCulture), store.Log))
            .Prepend(("", "address", "process", "log"));
        return string.Join(Environment.NewLine, rows.Select(row => $"  {row.Item1,-8} {row.Item2,-24} {row.Item3,-8} {row.Item4}"))
            + $"{Environment.NewLine}Publish on any, receive on all. Ctrl-C stops everything.";
    }
}
