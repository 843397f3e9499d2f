using OrleansNotify.Testing;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>What a cluster keeps its membership and its durable channels in: a real store, as a process of its own.</summary>
public abstract class BackEnd : IAsyncDisposable
{
    /// <summary>What a silo is told.</summary>
    public abstract IReadOnlyList<string> Arguments { get; }

    /// <summary>Ends it in the hardest way after which it still keeps its own promises, and waits for its end.</summary>
    public abstract Task StopAsync();

    /// <summary>Starts it again, with what it had.</summary>
    public abstract Task RestartAsync();

    /// <summary>It answers nothing; connections stay open.</summary>
    public abstract void Pause();

    /// <summary>Ends <see cref="Pause"/>.</summary>
    public abstract void Resume();

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}

/// <summary>Redis that writes each change to disk before it answers: it may be killed.</summary>
public sealed class RedisBackEnd : BackEnd
{
    private readonly RedisProcess _redis;
    private readonly string _address;

    private RedisBackEnd(RedisProcess redis, string? address)
    {
        _redis = redis;
        _address = $"{address ?? "127.0.0.1"}:{redis.Port}";
    }

    /// <summary>Starts one.</summary>
    /// <param name="address">Of this machine, at which silos reach it; null: loopback.</param>
    public static async Task<RedisBackEnd> StartAsync(string? address = null) =>
        new(await RedisProcess.StartAsync(new RedisSettings { AppendFsync = "always", AlsoOn = address }), address);

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments =>
    [
        "--Notify:Cluster:Provider=Redis", $"--Notify:Cluster:ConnectionString={_address}",
        "--Notify:Storage:Provider=Redis", $"--Notify:Storage:ConnectionString={_address}",
    ];

    /// <inheritdoc/>
    public override Task StopAsync() => _redis.KillAsync();

    /// <inheritdoc/>
    public override Task RestartAsync() => _redis.RestartAsync();

    /// <inheritdoc/>
    public override void Pause() => _redis.Pause();

    /// <inheritdoc/>
    public override void Resume() => _redis.Resume();

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _redis.DisposeAsync();
}

/// <summary>Azure storage's emulator. It may be ended by SIGTERM: kill -9 loses what it acknowledged in the last 5 s.</summary>
public sealed class AzuriteBackEnd : BackEnd
{
    private readonly AzuriteProcess _azurite;

    private AzuriteBackEnd(AzuriteProcess azurite) => _azurite = azurite;

    /// <summary>Starts one.</summary>
    public static async Task<AzuriteBackEnd> StartAsync() => new(await AzuriteProcess.StartAsync());

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments =>
        ["--Notify:Cluster:Provider=AzureStorage", $"--Notify:Cluster:ConnectionString={_azurite.ConnectionString}"];

    /// <inheritdoc/>
    public override Task StopAsync() => _azurite.TerminateAsync();

    /// <inheritdoc/>
    public override Task RestartAsync() => _azurite.RestartAsync();

    /// <inheritdoc/>
    public override void Pause() => _azurite.Pause();

    /// <inheritdoc/>
    public override void Resume() => _azurite.Resume();

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => _azurite.DisposeAsync();
}
