using OrleansNotify.Grains.Channels.Durable;

namespace OrleansNotify.Server.Hosting.BackEnds;

/// <summary>Membership in Redis.</summary>
internal sealed class RedisCluster(Connection connection) : IBackEnd
{
    /// <inheritdoc />
    public void Configure(ISiloBuilder silo)
    {
        var redis = RedisConnection.Read(connection);
        silo.UseRedisClustering(options => options.ConfigurationOptions = redis);
    }

    /// <inheritdoc />
    public Task Check(CancellationToken cancellationToken) => RedisConnection.Check(connection, cancellationToken);
}

/// <summary>Durable channels in Redis.</summary>
internal sealed class RedisStorage(Connection connection) : IBackEnd
{
    /// <inheritdoc />
    public void Configure(ISiloBuilder silo)
    {
        var redis = RedisConnection.Read(connection);
        silo.AddRedisGrainStorage(ChannelStorage.ProviderName, options =>
        {
            options.ConfigurationOptions = redis;
            options.DeleteStateOnClear = true; // else every channel that ever was leaves a row behind
        });
    }

    /// <inheritdoc />
    public Task Check(CancellationToken cancellationToken) => RedisConnection.Check(connection, cancellationToken);
}
