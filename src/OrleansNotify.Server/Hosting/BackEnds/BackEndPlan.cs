using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using Orleans.Configuration;
using OrleansNotify.Grains.Channels.Durable;

namespace OrleansNotify.Server.Hosting.BackEnds;

/// <summary>
/// What the configuration says about membership and storage, read once. Orleans' own sections (<c>Orleans:Clustering</c>, <c>Orleans:GrainStorage:notify</c>,
/// <c>Orleans:Endpoints</c>) are Orleans' to read: where one is present ours stays out, and a thing said in both is an error.
/// </summary>
internal sealed class BackEndPlan
{
    /// <summary>Orleans' service id: names the service's rows and keys in a store, whatever the cluster.</summary>
    public const string ServiceId = "notify";

    // All checks together; the silo's own start comes after it.
    private static readonly TimeSpan CheckTimeout = TimeSpan.FromSeconds(12);

    private readonly IConfiguration _configuration;
    private readonly bool _insecure;
    private readonly ClusterOptions _cluster;
    private readonly StorageOptions _storage;
    private readonly MembershipOptions _membership;
    private readonly bool _orleansCluster;
    private readonly bool _orleansEndpoints;
    private readonly IBackEnd? _clusterBackEnd;
    private readonly IBackEnd? _storageBackEnd;

    private BackEndPlan(IConfiguration configuration, bool insecure)
    {
        (_configuration, _insecure) = (configuration, insecure);
        RefuseUnknown<ClusterProvider>(ClusterOptions.Section);
        RefuseUnknown<StorageProvider>(StorageOptions.Section);
        _cluster = Bind(ClusterOptions.Section, new ClusterOptions());
        _storage = Bind(StorageOptions.Section, new StorageOptions());
        _orleansCluster = IsSet("Orleans:Clustering");
        _orleansEndpoints = IsSet("Orleans:Endpoints");
        var orleansStorage = IsSet($"Orleans:GrainStorage:{ChannelStorage.ProviderName}");
        if (_orleansCluster)
            RefuseBoth("Orleans:Clustering", ClusterOptions.Section, nameof(ClusterOptions.Provider), nameof(ClusterOptions.ConnectionString), nameof(ClusterOptions.Primary));
        if (_orleansEndpoints)
            RefuseBoth("Orleans:Endpoints", ClusterOptions.Section, nameof(ClusterOptions.AdvertisedAddress), nameof(ClusterOptions.SiloPort), nameof(ClusterOptions.GatewayPort));
        if (IsSet("Orleans:ClusterId"))
            RefuseBoth("Orleans:ClusterId", ClusterOptions.Section, nameof(ClusterOptions.ClusterId));
        if (orleansStorage)
            RefuseBoth($"Orleans:GrainStorage:{ChannelStorage.ProviderName}", StorageOptions.Section, nameof(StorageOptions.Provider), nameof(StorageOptions.ConnectionString), nameof(StorageOptions.Path));
        _clusterBackEnd = _orleansCluster ? null : NewCluster();
        _storageBackEnd = orleansStorage ? null : NewStorage();
        _membership = Bind(MembershipOptions.Section, _clusterBackEnd is DevelopmentCluster ? MembershipOptions.Patient() : new MembershipOptions());
    }

    /// <summary>Reads the plan.</summary>
    /// <param name="configuration">All of it.</param>
    /// <param name="insecure">Whether silos may listen to the network.</param>
    /// <exception cref="StartException">It makes no sense.</exception>
    public static BackEndPlan Read(IConfiguration configuration, bool insecure) => new(configuration, insecure);

    /// <summary>Puts membership, endpoints and storage into the silo.</summary>
    public void Configure(ISiloBuilder silo)
    {
        _clusterBackEnd?.Configure(silo);
        if (_clusterBackEnd is not DevelopmentCluster)
        {
            if (!IsSet("Orleans:ServiceId"))
                silo.Configure<Orleans.Configuration.ClusterOptions>(ids => ids.ServiceId = ServiceId);
            if (!IsSet("Orleans:ClusterId"))
                silo.Configure<Orleans.Configuration.ClusterOptions>(ids => ids.ClusterId = _cluster.ClusterId);
            if (!_orleansEndpoints)
                ConfigureEndpoints(silo);
        }
        silo.Configure<ClusterMembershipOptions>(_membership.Apply);
        _storageBackEnd?.Configure(silo);
    }

    /// <summary>Checks that silos talk to each other where they may; nothing is tried.</summary>
    /// <param name="endpoints">As Orleans has made them up.</param>
    /// <exception cref="StartException">They must not.</exception>
    public void CheckListening(EndpointOptions endpoints) => ListenGuard.Check(endpoints, _insecure);

    /// <summary>Tries the back ends, and that silos talk to each other where they may.</summary>
    /// <param name="endpoints">As Orleans has made them up.</param>
    /// <param name="anyDurable">Whether a namespace is durable.</param>
    /// <param name="time">For the time limit.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="StartException">One cannot be used.</exception>
    public async Task Check(EndpointOptions endpoints, bool anyDurable, TimeProvider time, CancellationToken cancellationToken)
    {
        CheckListening(endpoints);
        var ports = _orleansEndpoints ? "Orleans:Endpoints" : ClusterOptions.Section;
        ListenTrial.Check(endpoints, $"{ports}:{nameof(ClusterOptions.SiloPort)}", $"{ports}:{nameof(ClusterOptions.GatewayPort)}");
        // Nobody has asked for the file in the working directory as long as no channel is durable: it need not be writable.
        var storage = IsSet(StorageOptions.Section) || anyDurable || _storageBackEnd is not SqliteStorage ? _storageBackEnd : null;
        using var timeout = new CancellationTokenSource(CheckTimeout, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        foreach (var (backEnd, section) in new[] { (_clusterBackEnd, ClusterOptions.Section), (storage, StorageOptions.Section) })
        {
            if (backEnd is null)
                continue;
            try
            {
                await backEnd.Check(limit.Token).WaitAsync(limit.Token);
            }
            catch (OperationCanceledException) when (timeout.IsCancellationRequested)
            {
                throw new StartException($"{section}: no answer within {CheckTimeout.TotalSeconds} s.");
            }
        }
    }

    private IBackEnd NewCluster()
    {
        if (_cluster.Provider == ClusterProvider.Development)
        {
            RefuseUseless(ClusterOptions.Section, nameof(ClusterOptions.ConnectionString), $"{nameof(ClusterOptions.Provider)} Development");
            RefuseUseless(ClusterOptions.Section, nameof(ClusterOptions.AdvertisedAddress), $"{nameof(ClusterOptions.Provider)} Development, whose silos are all on this machine");
            _ = _cluster.PrimaryEndpoint;
            return new DevelopmentCluster(_cluster);
        }
        RefuseUseless(ClusterOptions.Section, nameof(ClusterOptions.Primary), $"{nameof(ClusterOptions.Provider)} {_cluster.Provider}");
        _ = _cluster.Advertised;
        var connection = NewConnection(ClusterOptions.Section, _cluster.ConnectionString, _cluster.Provider);
        return _cluster.Provider switch
        {
            ClusterProvider.AzureStorage => new AzureCluster(connection),
            _ => new RedisCluster(connection),
        };
    }

    // Null: none was chosen, and the cluster's is not ours to know.
    private IBackEnd? NewStorage()
    {
        StorageProvider? standard = _orleansCluster ? null : _cluster.Provider switch
        {
            ClusterProvider.AzureStorage => StorageProvider.AzureTables,
            ClusterProvider.Redis => StorageProvider.Redis,
            _ => StorageProvider.Sqlite,
        };
        if ((_storage.Provider ?? standard) is not { } provider)
        {
            RefuseUseless(StorageOptions.Section, nameof(StorageOptions.ConnectionString), $"no {StorageOptions.Section}:{nameof(StorageOptions.Provider)}");
            RefuseUseless(StorageOptions.Section, nameof(StorageOptions.Path), $"no {StorageOptions.Section}:{nameof(StorageOptions.Provider)}");
            return null;
        }
        if (provider == StorageProvider.Sqlite)
        {
            RefuseUseless(StorageOptions.Section, nameof(StorageOptions.ConnectionString), $"{nameof(StorageOptions.Provider)} Sqlite, which has a {nameof(StorageOptions.Path)}");
            return new SqliteStorage(_storage.Path);
        }
        RefuseUseless(StorageOptions.Section, nameof(StorageOptions.Path), $"{nameof(StorageOptions.Provider)} {provider}");
        // The cluster's connection string serves if it is of the same kind of server.
        var ofCluster = _storage.ConnectionString.Length == 0 && standard is not null and not StorageProvider.Sqlite
            && (standard == StorageProvider.Redis) == (provider == StorageProvider.Redis);
        var connection = ofCluster
            ? NewConnection(ClusterOptions.Section, _cluster.ConnectionString, provider)
            : NewConnection(StorageOptions.Section, _storage.ConnectionString, provider);
        return provider switch
        {
            StorageProvider.AzureTables => new AzureTables(connection),
            StorageProvider.AzureBlobs => new AzureBlobs(connection),
            _ => new RedisStorage(connection),
        };
    }

    private void ConfigureEndpoints(ISiloBuilder silo)
    {
        if (_cluster.Advertised is not { } address)
            silo.ConfigureEndpoints(_cluster.SiloPort, _cluster.GatewayPort, listenOnAnyHostAddress: true);
        else if (IPAddress.IsLoopback(address))
            silo.ConfigureEndpoints(address, _cluster.SiloPort, _cluster.GatewayPort);
        else
            silo.Configure<EndpointOptions>(endpoints =>
            {
                // The address others use may be a router's or a host's around a container: listen on what is here.
                var any = address.AddressFamily == AddressFamily.InterNetworkV6 ? IPAddress.IPv6Any : IPAddress.Any;
                (endpoints.AdvertisedIPAddress, endpoints.SiloPort, endpoints.GatewayPort) = (address, _cluster.SiloPort, _cluster.GatewayPort);
                endpoints.SiloListeningEndpoint = new IPEndPoint(any, _cluster.SiloPort);
                endpoints.GatewayListeningEndpoint = _cluster.GatewayPort == 0 ? null : new IPEndPoint(any, _cluster.GatewayPort);
            });
    }

    private bool IsSet(string key) => _configuration.GetSection(key).Exists();

    private void RefuseBoth(string orleans, string section, params string[] settings)
    {
        foreach (var setting in settings)
        {
            if (IsSet($"{section}:{setting}"))
                throw new StartException($"{orleans} and {section}:{setting} are both configured: use one of them.");
        }
    }

    private void RefuseUseless(string section, string setting, string with)
    {
        if (_configuration[$"{section}:{setting}"] is { Length: > 0 })
            throw new StartException($"{section}:{setting} is configured, but has no effect with {with}.");
    }

    private static Connection NewConnection<T>(string section, string value, T provider)
        where T : struct, Enum
    {
        var setting = $"{section}:{nameof(ClusterOptions.ConnectionString)}";
        return value.Length > 0 ? new Connection(setting, value) : throw new StartException($"{setting} is missing: {section}:{nameof(ClusterOptions.Provider)} {provider} needs it.");
    }

    // The binder takes any number for an enum, and its own sentence does not say what there is to choose from.
    private void RefuseUnknown<T>(string section)
        where T : struct, Enum
    {
        if (_configuration[$"{section}:Provider"] is { Length: > 0 } given && !Enum.GetNames<T>().Contains(given, StringComparer.OrdinalIgnoreCase))
            throw new StartException($"{section}:Provider ('{given}') must be one of {string.Join(", ", Enum.GetNames<T>())}.");
    }

    private T Bind<T>(string section, T options)
        where T : class
    {
        try
        {
            _configuration.GetSection(section).Bind(options);
        }
        catch (InvalidOperationException problem) // a port that is no number, a time that is no time
        {
            throw new StartException(problem.Message, problem);
        }
        var results = new List<ValidationResult>();
        return Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true)
            ? options
            : throw new StartException($"{section}:{results[0].MemberNames.First()}: {results[0].ErrorMessage}");
    }
}
