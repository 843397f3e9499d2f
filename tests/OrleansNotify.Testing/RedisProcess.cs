using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace OrleansNotify.Testing;

/// <summary>A real redis-server as a process of its own, on a free port of 127.0.0.1.</summary>
public sealed class RedisProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private readonly RedisSettings _settings;
    private readonly bool _ownsFolder;
    private ChildProcess _process;

    private RedisProcess(RedisSettings settings, ChildProcess process, bool ownsFolder)
    {
        _settings = settings;
        _process = process;
        _ownsFolder = ownsFolder;
    }

    /// <summary>Where it listens.</summary>
    public int Port => _settings.Port!.Value;

    /// <summary>Its process id; another one after a restart.</summary>
    public int Id => _process.Id;

    /// <summary>Where its append-only file lies.</summary>
    public string DataFolder => _settings.DataFolder!;

    /// <summary>For StackExchange.Redis: <c>127.0.0.1:port</c>.</summary>
    public string ConnectionString => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>Starts Redis and waits until it answers PING.</summary>
    /// <exception cref="InvalidOperationException">redis-server is not installed, or ended: the message says which.</exception>
    public static async Task<RedisProcess> StartAsync(RedisSettings? settings = null)
    {
        settings ??= new();
        var ownsFolder = settings.DataFolder is null;
        settings = settings with
        {
            Port = settings.Port ?? Ports.Free(),
            DataFolder = settings.DataFolder ?? Directory.CreateTempSubdirectory("redis-").FullName,
        };
        var redis = new RedisProcess(settings, Launch(settings), ownsFolder);
        try
        {
            await redis.Ready();
            return redis;
        }
        catch
        {
            await redis.DisposeAsync();
            throw;
        }
    }

    /// <summary>SIGKILL, and waits for its end. With <see cref="RedisSettings.AppendFsync"/> "always" no acknowledged write is lost.</summary>
    public Task KillAsync() => EndAsync(ChildProcess.SigKill);

    /// <summary>SIGTERM, and waits for its end.</summary>
    public Task TerminateAsync() => EndAsync(ChildProcess.SigTerm);

    /// <summary>SIGSTOP: connections stay open and nothing answers.</summary>
    public void Pause() => _process.Signal(ChildProcess.SigStop);

    /// <summary>Ends <see cref="Pause"/>.</summary>
    public void Resume() => _process.Signal(ChildProcess.SigCont);

    /// <summary>Starts it again after its end, with the same port and folder.</summary>
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
            Directory.Delete(DataFolder, recursive: true);
    }

    private static ChildProcess Launch(RedisSettings settings)
    {
        try
        {
            return ChildProcess.Start(
                "redis-server",
                [
                    "--bind", "127.0.0.1", .. settings.AlsoOn is { } other ? (string[])[other, "--protected-mode", "no"] : [], "--port", settings.Port!.Value.ToString(CultureInfo.InvariantCulture),
                    "--dir", settings.DataFolder!, "--daemonize", "no", "--save", "",
                    .. settings.AppendFsync is { } fsync ? (string[])["--appendonly", "yes", "--appendfsync", fsync] : [],
                ]);
        }
        catch (InvalidOperationException missing)
        {
            throw new InvalidOperationException("'redis-server' was not found in PATH: install Redis (package redis-server), then run the tests again.", missing);
        }
    }

    private async Task EndAsync(int signal)
    {
        _process.Signal(signal);
        await _process.Exited(TimeSpan.FromSeconds(30));
    }

    private Task Ready() => Until.True(
        $"redis-server on port {Port} to answer PING",
        async () => _process.HasExited ? throw new InvalidOperationException($"redis-server has ended.{_process.Tail()}") : await Answers(),
        StartTimeout);

    // While it still loads its file it answers -LOADING.
    private async Task<bool> Answers()
    {
        try
        {
            using var client = new TcpClient();
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(2), TimeProvider.System);
            await client.ConnectAsync(IPAddress.Loopback, Port, limit.Token);
            var stream = client.GetStream();
            await stream.WriteAsync("PING\r\n"u8.ToArray(), limit.Token);
            var answer = new byte[5];
            await stream.ReadExactlyAsync(answer, limit.Token);
            return Encoding.ASCII.GetString(answer) == "+PONG";
        }
        catch (Exception notYet) when (notYet is SocketException or IOException or OperationCanceledException)
        {
            return false;
        }
    }
}

/// <summary>How a <see cref="RedisProcess"/> is started.</summary>
public sealed record RedisSettings
{
    /// <summary>Keeps data from start to start. Null: a folder of its own, deleted with the process.</summary>
    public string? DataFolder { get; init; }

    /// <summary>"always", "everysec" or "no": an append-only file is kept. Null: data are in memory only.</summary>
    public string? AppendFsync { get; init; }

    /// <summary>Null: a free one.</summary>
    public int? Port { get; init; }

    /// <summary>A second IP address of this machine to listen on, besides 127.0.0.1. Null: none.</summary>
    public string? AlsoOn { get; init; }
}
