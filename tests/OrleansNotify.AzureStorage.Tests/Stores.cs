using OrleansNotify.Testing;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // two cores, and Azurite is one process

namespace OrleansNotify.AzureStorage.Tests;

/// <summary>One Azurite and one Redis for all tests that only read and write; those that break a store start their own.</summary>
public sealed class Stores : IAsyncLifetime
{
    private AzuriteProcess? _azurite;
    private RedisProcess? _redis;

    internal async Task<AzuriteProcess> Azurite() => _azurite ??= await AzuriteProcess.StartAsync(new() { InMemory = true });

    internal async Task<RedisProcess> Redis() => _redis ??= await RedisProcess.StartAsync();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_azurite is not null)
            await _azurite.DisposeAsync();
        if (_redis is not null)
            await _redis.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class StoresCollection : ICollectionFixture<Stores>
{
    public const string Name = "stores";
}
