using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Storage;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Server.Hosting;
using OrleansIds = Orleans.Configuration.ClusterOptions;

namespace OrleansNotify.Tests.Server;

/// <summary>What a configuration selects; nothing is started, nobody is called.</summary>
public sealed class BackEndPlanTests
{
    private const string Redis = "127.0.0.1:1,password=canary";

    [Theory]
    [InlineData("SystemTargetBasedMembershipTable", "SqliteGrainStorage")]
    [InlineData("SystemTargetBasedMembershipTable", "RedisGrainStorage", "Notify:Storage:Provider=Redis", "Notify:Storage:ConnectionString=" + Redis)]
    [InlineData("RedisMembershipTable", "RedisGrainStorage", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=" + Redis)]
    [InlineData("RedisMembershipTable", "SqliteGrainStorage", "Notify:Cluster:Provider=redis", "Notify:Cluster:ConnectionString=" + Redis, "Notify:Storage:Provider=Sqlite")]
    [InlineData("RedisMembershipTable", null, "Orleans:Clustering:ProviderType=Redis", "Orleans:Clustering:ConnectionString=" + Redis)]
    [InlineData("RedisMembershipTable", "SqliteGrainStorage", "Orleans:Clustering:ProviderType=Redis", "Orleans:Clustering:ConnectionString=" + Redis, "Notify:Storage:Provider=Sqlite")]
    [InlineData("RedisMembershipTable", "RedisGrainStorage", "Orleans:Clustering:ProviderType=Redis", "Orleans:Clustering:ConnectionString=" + Redis, "Orleans:GrainStorage:notify:ProviderType=Redis", "Orleans:GrainStorage:notify:ConnectionString=" + Redis)]
    [InlineData("AzureMembershipTable", "AzureTableGrainStorage", "Notify:Cluster:Provider=AzureStorage", "Notify:Cluster:ConnectionString=UseDevelopmentStorage=true")]
    [InlineData("AzureMembershipTable", "AzureBlobGrainStorage", "Notify:Cluster:Provider=AzureStorage", "Notify:Cluster:ConnectionString=UseDevelopmentStorage=true", "Notify:Storage:Provider=AzureBlobs")]
    [InlineData("AzureMembershipTable", "RedisGrainStorage", "Notify:Cluster:Provider=AzureStorage", "Notify:Cluster:ConnectionString=UseDevelopmentStorage=true", "Notify:Storage:Provider=Redis", "Notify:Storage:ConnectionString=" + Redis)]
    [InlineData("AzureMembershipTable", "AzureTableGrainStorage", "Orleans:Clustering:ProviderType=AzureTableStorage", "Orleans:Clustering:ConnectionString=UseDevelopmentStorage=true", "Notify:Storage:Provider=AzureTables", "Notify:Storage:ConnectionString=UseDevelopmentStorage=true")]
    [InlineData("SystemTargetBasedMembershipTable", "SqliteGrainStorage", "Orleans:GrainStorage:notify:ProviderType=Sqlite")]
    public async Task Configuration_alone_selects_the_back_ends(string membership, string? storage, params string[] settings)
    {
        await using var app = Build(settings);
        Assert.Equal(membership, app.Services.GetRequiredService<IMembershipTable>().GetType().Name);
        Assert.Equal(storage, app.Services.GetKeyedService<IGrainStorage>(ChannelStorage.ProviderName)?.GetType().Name);
        Assert.Equal(("notify", "notify"), Ids(app));
        Assert.Equal(TimeSpan.Zero, app.Services.GetRequiredService<IOptions<GrainDirectoryOptions>>().Value.RangeLeaseDuration);
    }

    [Fact]
    public async Task Death_is_found_soon_in_a_cluster_and_patiently_in_development_unless_said_otherwise()
    {
        static (double, double, int, int, double, double) Membership(WebApplication app)
        {
            var options = app.Services.GetRequiredService<IOptions<ClusterMembershipOptions>>().Value;
            return (options.ProbeTimeout.TotalSeconds, options.MaxProbeTimeout.TotalSeconds, options.NumMissedProbesLimit, options.NumVotesForDeathDeclaration, options.TableRefreshTimeout.TotalSeconds, options.IAmAliveTablePublishTimeout.TotalSeconds);
        }

        string[] redis = ["Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=" + Redis];
        await using var cluster = Build(redis);
        await using var changed = Build([.. redis, "Notify:Cluster:Membership:ProbeTimeout=00:00:03", "Notify:Cluster:Membership:DeathVotes=1", "Notify:Cluster:Membership:IAmAlive=00:00:30"]);
        await using var development = Build();
        await using var hurried = Build("Notify:Cluster:Membership:MissedProbes=1");
        Assert.Equal((1, 2, 2, 2, 5, 5), Membership(cluster));
        Assert.Equal((3, 6, 2, 1, 5, 30), Membership(changed));
        Assert.Equal((5, 10, 3, 2, 60, 30), Membership(development));
        Assert.Equal((5, 10, 1, 2, 60, 30), Membership(hurried));
    }

    [Theory]
    [InlineData("127.0.0.1", "127.0.0.1:12001", null)]
    [InlineData("10.1.2.3", "10.1.2.3:12001", "0.0.0.0:12001")]
    [InlineData("fd00::7", "[fd00::7]:12001", "[::]:12001")]
    public async Task A_silo_of_a_real_cluster_advertises_what_others_reach_and_listens_on_what_is_here(string advertised, string address, string? listening)
    {
        await using var app = Build("Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=" + Redis, "Notify:Cluster:AdvertisedAddress=" + advertised, "Notify:Cluster:SiloPort=12001", "Notify:Cluster:GatewayPort=0");
        var endpoints = app.Services.GetRequiredService<IOptions<EndpointOptions>>().Value;
        Assert.Equal(address, new IPEndPoint(endpoints.AdvertisedIPAddress, endpoints.SiloPort).ToString());
        Assert.Equal(listening, endpoints.SiloListeningEndpoint?.ToString());
        Assert.Equal(0, endpoints.GatewayPort);
        Assert.Null(endpoints.GatewayListeningEndpoint);
    }

    [Fact]
    public async Task Orleans_own_names_and_endpoints_are_left_alone()
    {
        await using var app = Build(
            "Orleans:Clustering:ProviderType=Redis", "Orleans:Clustering:ConnectionString=" + Redis, "Orleans:ClusterId=theirs", "Orleans:ServiceId=theirs-too",
            "Orleans:Endpoints:AdvertisedIPAddress=127.0.0.1", "Orleans:Endpoints:SiloPort=12009", "Orleans:Endpoints:GatewayPort=12010");
        Assert.Equal(("theirs", "theirs-too"), Ids(app));
        var endpoints = app.Services.GetRequiredService<IOptions<EndpointOptions>>().Value;
        Assert.Equal((IPAddress.Loopback, 12009, 12010), (endpoints.AdvertisedIPAddress, endpoints.SiloPort, endpoints.GatewayPort));
    }

    [Theory]
    [InlineData("Notify:Cluster:Provider ('Consul') must be one of Development, AzureStorage, Redis.", "Notify:Cluster:Provider=Consul")]
    [InlineData("Notify:Cluster:Provider ('2') must be one of Development, AzureStorage, Redis.", "Notify:Cluster:Provider=2")]
    [InlineData("Notify:Storage:Provider ('Mongo') must be one of Sqlite, AzureTables, AzureBlobs, Redis.", "Notify:Storage:Provider=Mongo")]
    [InlineData("Notify:Cluster:ConnectionString is missing: Notify:Cluster:Provider Redis needs it.", "Notify:Cluster:Provider=Redis")]
    [InlineData("Notify:Storage:ConnectionString is missing: Notify:Storage:Provider Redis needs it.", "Notify:Storage:Provider=Redis")]
    [InlineData("Notify:Cluster:ConnectionString is no Redis connection string, such as redis.example.com:6379,password=….", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=redis://user:canary@host:6379")]
    [InlineData("Notify:Cluster:ConnectionString is no Redis connection string, such as redis.example.com:6379,password=….", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=host:6379,pasword=canary")]
    [InlineData("Notify:Cluster:ConnectionString is no Redis connection string, such as redis.example.com:6379,password=….", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=password=canary")]
    [InlineData("Notify:Cluster:ConnectionString is no Azure storage connection string, such as DefaultEndpointsProtocol=https;AccountName=…;AccountKey=….", "Notify:Cluster:Provider=AzureStorage", "Notify:Cluster:ConnectionString=AccountKey=canary")]
    [InlineData("Notify:Storage:ConnectionString is missing: Notify:Storage:Provider AzureBlobs needs it.", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=" + Redis, "Notify:Storage:Provider=AzureBlobs")]
    [InlineData("Notify:Cluster:ConnectionString is configured, but has no effect with Provider Development.", "Notify:Cluster:ConnectionString=" + Redis)]
    [InlineData("Notify:Cluster:AdvertisedAddress is configured, but has no effect with Provider Development, whose silos are all on this machine.", "Notify:Cluster:AdvertisedAddress=10.0.0.1")]
    [InlineData("Notify:Cluster:Primary is configured, but has no effect with Provider Redis.", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=" + Redis, "Notify:Cluster:Primary=127.0.0.1:1")]
    [InlineData("Notify:Cluster:AdvertisedAddress ('0.0.0.0') must be the IP address at which the other silos reach this one.", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=" + Redis, "Notify:Cluster:AdvertisedAddress=0.0.0.0")]
    [InlineData("Notify:Cluster:Primary ('nowhere') must be an address with a port, such as 127.0.0.1:11111.", "Notify:Cluster:Primary=nowhere")]
    [InlineData("Notify:Storage:Path is configured, but has no effect with Provider Redis.", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=" + Redis, "Notify:Storage:Path=x.db")]
    [InlineData("Notify:Storage:ConnectionString is configured, but has no effect with Provider Sqlite, which has a Path.", "Notify:Storage:ConnectionString=canary")]
    [InlineData("Orleans:Clustering and Notify:Cluster:Provider are both configured: use one of them.", "Orleans:Clustering:ProviderType=Redis", "Notify:Cluster:Provider=Redis", "Notify:Cluster:ConnectionString=" + Redis)]
    [InlineData("Orleans:Clustering and Notify:Cluster:Primary are both configured: use one of them.", "Orleans:Clustering:ProviderType=Redis", "Notify:Cluster:Primary=127.0.0.1:1")]
    [InlineData("Orleans:Endpoints and Notify:Cluster:SiloPort are both configured: use one of them.", "Orleans:Endpoints:SiloPort=1", "Notify:Cluster:SiloPort=2")]
    [InlineData("Orleans:ClusterId and Notify:Cluster:ClusterId are both configured: use one of them.", "Orleans:ClusterId=a", "Notify:Cluster:ClusterId=a")]
    [InlineData("Orleans:GrainStorage:notify and Notify:Storage:Path are both configured: use one of them.", "Orleans:GrainStorage:notify:ProviderType=Sqlite", "Notify:Storage:Path=a.db")]
    public void What_makes_no_sense_is_one_sentence_that_names_the_setting(string sentence, params string[] settings) =>
        Assert.Equal(sentence, Assert.Throws<StartException>(() => Build(settings)).Message);

    [Fact]
    public void A_durable_namespace_where_nothing_says_what_to_keep_it_in_is_one_sentence_too() => Assert.Equal(
        "Notify:Namespaces:orders:Class is Durable, but no store is configured: set Notify:Storage:Provider or Orleans:GrainStorage:notify, or register the grain storage \"notify\".",
        Assert.Throws<OptionsValidationException>(() => Build(
            "Orleans:Clustering:ProviderType=Redis", "Orleans:Clustering:ConnectionString=" + Redis, "Notify:Namespaces:orders:Class=durable")).Message);

    private static (string ClusterId, string ServiceId) Ids(WebApplication app)
    {
        var ids = app.Services.GetRequiredService<IOptions<OrleansIds>>().Value;
        return (ids.ClusterId, ids.ServiceId);
    }

    private static WebApplication Build(params string[] settings) => NotifyServer.Build([], builder => builder.Configuration.AddInMemoryCollection(
        settings.Select(setting => KeyValuePair.Create(setting[..setting.IndexOf('=', StringComparison.Ordinal)], (string?)setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..]))));
}
