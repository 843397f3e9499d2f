using System.Net.Sockets;
using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Server.Verbs;

/// <summary>What a local cluster's store is.</summary>
internal enum LocalStoreKind
{
    /// <summary>The pinned Azurite of the repository's azurite folder; needs Node.js.</summary>
    Azurite,

    /// <summary>redis-server, each write to disk before its answer.</summary>
    Redis,
}

/// <summary>The store of a local cluster, as a process of its own on free ports; its data stay in the cluster's folder.</summary>
internal sealed class LocalStore : IAsyncDisposable
{
    private const string Account = "devstoreaccount1";

    // The emulator's own, published in its documentation: no secret.
    private const string AccountKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan InstallTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(20);
    private readonly LoggedProcess _process;

    private LocalStore(LoggedProcess process, string port, IReadOnlyList<string> settings)
    {
        _process = process;
        Address = $"127.0.0.1:{port}";
        Settings = settings;
    }

    /// <summary>For people.</summary>
    public string Name => _process.Name;

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Where its output is.</summary>
    public string Log => _process.Log;

    /// <summary>Where it listens; of Azurite the table service.</summary>
    public string Address { get; }

    /// <summary>What a silo is told.</summary>
    public IReadOnlyList<string> Settings { get; }

    /// <summary>Starts it and waits until it listens.</summary>
    /// <exception cref="StartException">What it needs is missing, or it ended.</exception>
    public static async Task<LocalStore> StartAsync(LocalStoreKind kind, string folder, CancellationToken stopping)
    {
        var store = kind == LocalStoreKind.Redis ? StartRedis(folder) : await StartAzurite(folder, stopping);
        try
        {
            await store.Listening(stopping);
            return store;
        }
        catch
        {
            await store.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await _process.StopAsync(StopTimeout);

    private static LocalStore StartRedis(string folder)
    {
        if (!Programs.Has("redis-server"))
            throw new StartException("--store redis needs redis-server, which is not in PATH: install Redis, or Node.js 20 or later and leave --store out (Azurite).");
        var port = FreePorts.Next();
        var data = Directory.CreateDirectory(Path.Combine(folder, "redis")).FullName;
        return new(
            LoggedProcess.Start(
                "redis", "redis-server", ["--bind", "127.0.0.1", "--port", port, "--dir", data, "--save", "", "--appendonly", "yes", "--appendfsync", "always"],
                Path.Combine(folder, "redis.log"), ownSession: true),
            port,
            ["--Notify:Cluster:Provider", "Redis", "--Notify:Cluster:ConnectionString", $"127.0.0.1:{port}"]);
    }

    private static async Task<LocalStore> StartAzurite(string folder, CancellationToken stopping)
    {
        if (!Programs.Has("node") || !Programs.Has("npm"))
        {
            throw new StartException(
                "A cluster needs a store: Azurite needs Node.js 20 or later with npm, which is not in PATH. Install it, or " +
                (Programs.Has("redis-server") ? "add --store redis (redis-server is there)." : "install redis-server and add --store redis."));
        }

        var azurite = Programs.FolderAbove("azurite", "start.mjs")
            ?? throw new StartException("The folder 'azurite' of the repository was not found above the working directory or the binary: start from the repository, or add --store redis.");
        if (!Directory.Exists(Path.Combine(azurite, "node_modules", "azurite")))
            await Install(azurite, folder, stopping);
        var (blob, queue, table) = (FreePorts.Next(), FreePorts.Next(), FreePorts.Next());
        var data = Directory.CreateDirectory(Path.Combine(folder, "azurite")).FullName;
        var connection = $"DefaultEndpointsProtocol=http;AccountName={Account};AccountKey={AccountKey};BlobEndpoint=http://127.0.0.1:{blob}/{Account};"
            + $"QueueEndpoint=http://127.0.0.1:{queue}/{Account};TableEndpoint=http://127.0.0.1:{table}/{Account};";
        return new(
            LoggedProcess.Start(
                "azurite", "node", [Path.Combine(azurite, "start.mjs"), "--blobPort", blob, "--queuePort", queue, "--tablePort", table, "--location", data],
                Path.Combine(folder, "azurite.log"), ownSession: true),
            table,
            ["--Notify:Cluster:Provider", "AzureStorage", "--Notify:Cluster:ConnectionString", connection]);
    }

    private static async Task Install(string azurite, string folder, CancellationToken stopping)
    {
        Console.WriteLine("Installing Azurite once (npm ci, about 365 MB)…");
        var log = Path.Combine(folder, "npm.log");
        var npm = LoggedProcess.Start("npm", "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", azurite], log, ownSession: false);
        try
        {
            await npm.Exited(stopping).WaitAsync(InstallTimeout, TimeProvider.System, stopping);
        }
        finally
        {
            await npm.StopAsync(StopTimeout);
        }

        if (!Directory.Exists(Path.Combine(azurite, "node_modules", "azurite")))
            throw new StartException($"Azurite could not be installed: {npm.LastLine()} (all of it: {log})");
    }

    private async Task Listening(CancellationToken stopping)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            if (_process.HasExited)
                throw new StartException($"{Name} did not start: {_process.LastLine()} (all of it: {Log})");
            if (TimeProvider.System.GetElapsedTime(began) > StartTimeout)
                throw new StartException($"{Name} does not listen on {Address} after {StartTimeout.TotalSeconds:0} s; see {Log}");
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(System.Net.IPEndPoint.Parse(Address), stopping);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, stopping);
            }
        }
    }
}
