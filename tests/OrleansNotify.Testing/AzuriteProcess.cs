using System.Globalization;

namespace OrleansNotify.Testing;

/// <summary>A real Azurite (tables, blobs, queues) as a process of its own, on free ports of 127.0.0.1. Installs the pinned version when it is missing.</summary>
public sealed class AzuriteProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(90); // 2 s on a quiet machine
    private readonly AzuriteSettings _settings;
    private readonly bool _ownsFolder;
    private ChildProcess _process;

    private AzuriteProcess(AzuriteSettings settings, ChildProcess process, bool ownsFolder)
    {
        _settings = settings;
        _process = process;
        _ownsFolder = ownsFolder;
    }

    /// <summary>Of the blob service.</summary>
    public int BlobPort => _settings.BlobPort!.Value;

    /// <summary>Of the queue service.</summary>
    public int QueuePort => _settings.QueuePort!.Value;

    /// <summary>Of the table service.</summary>
    public int TablePort => _settings.TablePort!.Value;

    /// <summary>Its process id; another one after a restart.</summary>
    public int Id => _process.Id;

    /// <summary>Where its data lie; null when it keeps them in memory.</summary>
    public string? DataFolder => _settings.DataFolder;

    /// <summary>For Azure's clients: all three services, with the account and key every emulator has.</summary>
    public string ConnectionString => ConnectionStringFor(BlobPort, QueuePort, TablePort);

    /// <summary>A connection string of an emulator on these ports, running or not.</summary>
    public static string ConnectionStringFor(int blobPort, int queuePort, int tablePort) => string.Create(
        CultureInfo.InvariantCulture,
        $"DefaultEndpointsProtocol=http;AccountName={AccountName};AccountKey={AccountKey};BlobEndpoint=http://127.0.0.1:{blobPort}/{AccountName};QueueEndpoint=http://127.0.0.1:{queuePort}/{AccountName};TableEndpoint=http://127.0.0.1:{tablePort}/{AccountName};");

    /// <summary>The emulator's account, published in its documentation.</summary>
    public const string AccountName = "devstoreaccount1";

    /// <summary>That account's key, published with it: no secret.</summary>
    public const string AccountKey = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    /// <summary>Starts Azurite and waits until all three services answer.</summary>
    /// <exception cref="InvalidOperationException">Node.js or npm is missing, or Azurite ended: the message says what to install or what it printed.</exception>
    public static async Task<AzuriteProcess> StartAsync(AzuriteSettings? settings = null)
    {
        await AzuriteInstallation.EnsureAsync();
        settings ??= new();
        var ownsFolder = settings is { InMemory: false, DataFolder: null };
        settings = settings with
        {
            BlobPort = settings.BlobPort ?? Ports.Free(),
            QueuePort = settings.QueuePort ?? Ports.Free(),
            TablePort = settings.TablePort ?? Ports.Free(),
            DataFolder = ownsFolder ? Directory.CreateTempSubdirectory("azurite-").FullName : settings.DataFolder,
        };
        var azurite = new AzuriteProcess(settings, Launch(settings), ownsFolder);
        try
        {
            await azurite.Ready();
            return azurite;
        }
        catch
        {
            await azurite.DisposeAsync();
            throw;
        }
    }

    /// <summary>SIGKILL, and waits for its end. Loses up to 5 s of acknowledged writes: Azurite saves its metadata every 5 s.</summary>
    public Task KillAsync() => EndAsync(ChildProcess.SigKill);

    /// <summary>SIGTERM, and waits for its end. Loses nothing.</summary>
    public Task TerminateAsync() => EndAsync(ChildProcess.SigTerm);

    /// <summary>SIGSTOP: connections stay open and nothing answers.</summary>
    public void Pause() => _process.Signal(ChildProcess.SigStop);

    /// <summary>Ends <see cref="Pause"/>.</summary>
    public void Resume() => _process.Signal(ChildProcess.SigCont);

    /// <summary>Starts it again after its end, with the same ports and folder.</summary>
    public async Task RestartAsync()
    {
        await _process.DisposeAsync();
        _process = Launch(_settings);
        await Ready();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        if (_ownsFolder)
            Directory.Delete(_settings.DataFolder!, recursive: true);
    }

    private static ChildProcess Launch(AzuriteSettings settings) => ChildProcess.Start(
        "node",
        [
            Path.Combine(AzuriteInstallation.Folder, "start.mjs"),
            "--host", "127.0.0.1",
            "--blobPort", Text(settings.BlobPort), "--queuePort", Text(settings.QueuePort), "--tablePort", Text(settings.TablePort),
            .. settings.InMemory ? (string[])["--inMemoryPersistence"] : ["--location", settings.DataFolder!],
        ]);

    private static string Text(int? port) => port!.Value.ToString(CultureInfo.InvariantCulture);

    private Task<string> Ready() => _process.Line("Azurite is ready", line => line.StartsWith("Azurite is ready", StringComparison.Ordinal), StartTimeout);

    private async Task EndAsync(int signal)
    {
        _process.Signal(signal);
        await _process.Exited(TimeSpan.FromSeconds(30));
    }
}

/// <summary>How an <see cref="AzuriteProcess"/> is started.</summary>
public sealed record AzuriteSettings
{
    /// <summary>Keeps data from start to start. Null: a folder of its own, deleted with the process.</summary>
    public string? DataFolder { get; init; }

    /// <summary>No folder: everything is gone when it ends. Default false.</summary>
    public bool InMemory { get; init; }

    /// <summary>Null: a free one.</summary>
    public int? BlobPort { get; init; }

    /// <summary>Null: a free one.</summary>
    public int? QueuePort { get; init; }

    /// <summary>Null: a free one.</summary>
    public int? TablePort { get; init; }
}
