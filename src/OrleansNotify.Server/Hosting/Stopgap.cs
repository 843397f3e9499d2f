using System.Net;
using Orleans.Configuration;
using OrleansNotify.Grains.Channels.Durable;
using StackExchange.Redis;

namespace OrleansNotify.Server.Hosting;

/// <summary>Until the configuration of back ends is merged.</summary>
internal static class Stopgap
{
    public static void Use(ISiloBuilder silo, IConfiguration configuration, ClusterOptions cluster)
    {
        var redis = ConfigurationOptions.Parse(configuration["Notify:Cluster:ConnectionString"]!);
        redis.AbortOnConnectFail = false;
        silo.Configure<Orleans.Configuration.ClusterOptions>(o => (o.ServiceId, o.ClusterId) = ("notify", cluster.ClusterId));
        silo.UseRedisClustering(o => o.ConfigurationOptions = redis);
        silo.ConfigureEndpoints(IPAddress.Loopback, cluster.SiloPort, cluster.GatewayPort);
        silo.AddRedisGrainStorage(ChannelStorage.ProviderName, o => o.ConfigurationOptions = redis);
        silo.Configure<ClusterMembershipOptions>(o =>
            (o.ProbeTimeout, o.NumMissedProbesLimit, o.NumVotesForDeathDeclaration, o.TableRefreshTimeout) = (TimeSpan.FromSeconds(1), 2, 2, TimeSpan.FromSeconds(5)));
    }
}
