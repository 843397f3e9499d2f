using Azure.Core;
using Azure.Data.Tables;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Clustering.AzureStorage;
using Orleans.Configuration;
using Orleans.Storage;
using OrleansNotify.Testing;
using OrleansNotify.Testing.Conformance;

namespace OrleansNotify.AzureStorage.Tests;

[Collection(StoresCollection.Name)]
public sealed class ConfigurationTests(Stores stores)
{
    private const string Secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
    private const string Unused = $"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={Secret};TableEndpoint=http://127.0.0.1:1/a;BlobEndpoint=http://127.0.0.1:1/a;";

    [Fact]
    public async Task Silo_and_client_start_by_configuration_alone_and_state_outlives_the_silo()
    {
        var azurite = await stores.Azurite();
        var cluster = Guid.NewGuid().ToString("N");
        for (var run = 1; run <= 2; run++)
        {
            var settings = new Dictionary<string, string?>
            {
                ["Orleans:ClusterId"] = cluster,
                ["Orleans:ServiceId"] = cluster,
                ["Orleans:Endpoints:AdvertisedIPAddress"] = "127.0.0.1",
                ["Orleans:Endpoints:SiloPort"] = $"{Ports.Free()}",
                ["Orleans:Endpoints:GatewayPort"] = $"{Ports.Free()}",
                ["Orleans:Clustering:ProviderType"] = "AzureTableStorage",
                ["Orleans:Clustering:ConnectionName"] = "azure",
                ["Orleans:Clustering:TableName"] = "ConfiguredSilos",
                ["Orleans:Clustering:StoragePolicyOptions:OperationTimeout"] = "00:00:30",
                ["Orleans:GrainStorage:rows:ProviderType"] = "AzureTableStorage",
                ["Orleans:GrainStorage:rows:ConnectionString"] = azurite.ConnectionString,
                ["Orleans:GrainStorage:rows:TableName"] = "ConfiguredState",
                ["Orleans:GrainStorage:rows:StoragePolicyOptions:OperationTimeout"] = "00:00:30",
                ["Orleans:GrainStorage:blobs:ProviderType"] = "AzureBlobStorage",
                ["Orleans:GrainStorage:blobs:ConnectionString"] = azurite.ConnectionString,
                ["Orleans:GrainStorage:blobs:ContainerName"] = "configured-state",
                ["Orleans:GrainStorage:blobs:StoragePolicyOptions:OperationTimeout"] = "00:00:30",
                ["ConnectionStrings:azure"] = azurite.ConnectionString,
            };
            using var silo = Build(settings, builder => builder.UseOrleans());
            await silo.StartAsync();
            var clients = settings.Where(setting => !setting.Key.Contains("GrainStorage", StringComparison.Ordinal)).ToDictionary(); // it would look for those too
            using var client = Build(clients, builder => builder.UseOrleansClient());
            await client.StartAsync();

            var counter = client.Services.GetRequiredService<IGrainFactory>().GetGrain<ICounterGrain>("key/with#odd?signs");

            Assert.Equal((run, run), await counter.Add());
            await client.StopAsync();
            await silo.StopAsync();
        }

        var rows = new TableClient(azurite.ConnectionString, "ConfiguredSilos");
        Assert.Equal(0, await rows.QueryAsync<TableEntity>(row => row.PartitionKey == cluster && row.RowKey != "!Start" && row.RowKey != "~End").CountAsync(row => row.GetString("Status") == "Active"));
        Assert.True(await new BlobServiceClient(azurite.ConnectionString).GetBlobContainerClient("configured-state").ExistsAsync());
    }

    [Theory]
    [InlineData("AzureStorageClusteringOptions: no table service client is configured.")]
    [InlineData("Orleans:Clustering:ConnectionString is neither", "ConnectionString", $"AccountKey={Secret}")]
    [InlineData("Orleans:Clustering:ConnectionString is neither", "ConnectionString", $"{Secret} is not a connection string")]
    [InlineData("Orleans:Clustering:ConnectionName is 'x', but ConnectionStrings:x is empty.", "ConnectionName", "x")]
    [InlineData("Orleans:Clustering:ServiceKey is 'x', but no TableServiceClient is registered under that key.", "ServiceKey", "x")]
    [InlineData("TableName '1st' is no valid table name", "ConnectionString", Unused, "TableName", "1st")]
    [InlineData("StoragePolicyOptions.OperationTimeout must be longer than zero.", "ConnectionString", Unused, "StoragePolicyOptions:OperationTimeout", "00:00:00")]
    public void A_bad_setting_of_clustering_is_named(string expected, params string[] settings)
    {
        var problem = Problem(Section("Orleans:Clustering", "AzureTableStorage", settings));

        Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("AzureTableStorage", "AzureTableStorageOptions 's': no table service client is configured.")]
    [InlineData("AzureBlobStorage", "AzureBlobStorageOptions 's': no blob service client is configured.")]
    [InlineData("AzureTableStorage", "Orleans:GrainStorage:s:ConnectionString is neither", "ConnectionString", $"AccountKey={Secret}")]
    [InlineData("AzureBlobStorage", "Orleans:GrainStorage:s:ConnectionString is neither", "ConnectionString", $"AccountKey={Secret}")]
    [InlineData("AzureTableStorage", "TableName 'a_b' is no valid table name", "ConnectionString", Unused, "TableName", "a_b")]
    [InlineData("AzureBlobStorage", "ContainerName 'a--b' is no valid container name", "ConnectionString", Unused, "ContainerName", "a--b")]
    [InlineData("AzureBlobStorage", "ContainerName 'AB' is no valid container name", "ConnectionString", Unused, "ContainerName", "AB")]
    public void A_bad_setting_of_grain_storage_is_named(string provider, string expected, params string[] settings)
    {
        var section = Section("Orleans:GrainStorage:s", provider, settings);
        foreach (var (key, value) in Section("Orleans:Clustering", "AzureTableStorage", ["ConnectionString", Unused]))
            section[key] = value;

        var problem = Problem(section);

        Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.DoesNotContain(Secret, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_setting_of_a_storage_section_is_taken()
    {
        var settings = Section("Orleans:GrainStorage:s", "AzureTableStorage",
            ["ConnectionString", Unused, "TableName", "Mine", "DeleteStateOnClear", "true", "UseStringFormat", "true", "KeyFormat", "Compatible", "StoragePolicyOptions:MaxOperationRetries", "7"]);
        using var host = Build(settings, builder => builder.UseOrleans(silo => silo.UseLocalhostClustering()));

        var options = host.Services.GetRequiredService<IOptionsMonitor<AzureTableStorageOptions>>().Get("s");

        Assert.Equal(("Mine", true, true, StorageKeyFormat.Compatible, 7), (options.TableName, options.DeleteStateOnClear, options.UseStringFormat, options.KeyFormat, options.StoragePolicyOptions.MaxOperationRetries));
        Assert.NotNull(options.GrainStorageSerializer);
    }

    [Fact]
    public void Defaults_are_those_of_the_documentation()
    {
        var (clustering, table, blob) = (new AzureStorageClusteringOptions(), new AzureTableStorageOptions(), new AzureBlobStorageOptions());

        Assert.Equal("OrleansSiloInstances", clustering.TableName);
        Assert.Equal(clustering.TableName, new AzureStorageGatewayOptions().TableName);
        Assert.Equal(TimeSpan.FromSeconds(5), clustering.StoragePolicyOptions.OperationTimeout);
        Assert.Equal(("OrleansGrainState", false, false), (table.TableName, table.DeleteStateOnClear, table.UseStringFormat));
        Assert.Equal(("grainstate", true), (blob.ContainerName, blob.DeleteStateOnClear));
        foreach (var policy in (AzureStoragePolicyOptions[])[table.StoragePolicyOptions, blob.StoragePolicyOptions])
            Assert.Equal((TimeSpan.FromSeconds(1.5), 3, TimeSpan.FromMilliseconds(100)), (policy.OperationTimeout, policy.MaxOperationRetries, policy.PauseBetweenOperationRetries));
        Assert.Equal((StorageKeyFormat.Injective, StorageKeyFormat.Injective), (table.KeyFormat, blob.KeyFormat));
    }

    [Theory]
    [InlineData("Orleans:Clustering", "AzureTableStorage")]
    [InlineData("Orleans:GrainStorage:s", "AzureTableStorage")]
    [InlineData("Orleans:GrainStorage:s", "AzureBlobStorage")]
    public async Task An_address_takes_the_registered_credential(string path, string provider)
    {
        var credential = new NoCredential();
        using var host = Build(Section(path, provider, ["ConnectionString", "https://127.0.0.1:1/a"]), builder =>
        {
            builder.UseOrleans(silo =>
            {
                if (path != "Orleans:Clustering")
                    silo.UseLocalhostClustering();
            });
            builder.Services.AddSingleton<TokenCredential>(credential);
        });

        await Assert.ThrowsAnyAsync<Exception>(Call);

        Assert.Equal(1, credential.Asked);

        async Task Call()
        {
            if (provider == "AzureBlobStorage")
                await (await Options<AzureBlobStorageOptions>("s").CreateClientAsync()).GetBlobContainerClient("container").CreateAsync();
            else if (path == "Orleans:Clustering")
                await (await Options<AzureStorageClusteringOptions>("").CreateClientAsync()).GetTableClient("t").CreateAsync();
            else
                await (await Options<AzureTableStorageOptions>("s").CreateClientAsync()).GetTableClient("t").CreateAsync();
        }

        TOptions Options<TOptions>(string name) => host.Services.GetRequiredService<IOptionsMonitor<TOptions>>().Get(name);
    }

    [Fact]
    public async Task A_serializer_can_be_chosen_by_key()
    {
        var azurite = await stores.Azurite();
        var settings = Section("Orleans:GrainStorage:s", "AzureTableStorage", ["ConnectionString", azurite.ConnectionString, "SerializerKey", "own", "TableName", "Serialized"]);
        var serializer = new Fixed();
        using var host = Build(settings, builder => builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering();
            silo.Services.AddKeyedSingleton<IGrainStorageSerializer>("own", serializer);
            silo.Configure<ClusterOptions>(options => options.ServiceId = Guid.NewGuid().ToString("N"));
            silo.Services.Configure<AzureTableStorageOptions>("s", options => options.StoragePolicyOptions.OperationTimeout = Hosts.Patience);
        }));
        var storage = await Hosts.Open(host, "s");
        await storage.WriteStateAsync("a", GrainId.Create("g", "1"), new GrainState<Kept> { State = new() { Text = "ignored by it" } });
        var read = new GrainState<Kept>();

        await storage.ReadStateAsync("a", GrainId.Create("g", "1"), read);

        Assert.Equal("from the serializer", read.State!.Text);
    }

    [Fact]
    public async Task Without_Node_the_tests_say_what_to_install()
    {
        var missing = await Assert.ThrowsAsync<InvalidOperationException>(() => AzuriteInstallation.EnsureAsync(path: "/nowhere"));

        Assert.Equal("Azurite needs Node.js 20 or later with npm, and 'node' was not found in PATH: install Node.js, then run the tests again.", missing.Message);
    }

    private static Dictionary<string, string?> Section(string path, string provider, string[] settings)
    {
        var section = new Dictionary<string, string?> { [$"{path}:ProviderType"] = provider };
        for (var i = 0; i < settings.Length; i += 2)
            section[$"{path}:{settings[i]}"] = settings[i + 1];
        return section;
    }

    // What the silo's start does first.
    private static string Problem(Dictionary<string, string?> settings)
    {
        using var host = Build(settings, builder => builder.UseOrleans());
        return Assert.Throws<OrleansConfigurationException>(() =>
        {
            foreach (var validator in host.Services.GetServices<IConfigurationValidator>())
                validator.ValidateConfiguration();
        }).ToString();
    }

    private static IHost Build(Dictionary<string, string?> settings, Action<HostApplicationBuilder> configure)
    {
        settings.TryAdd("Orleans:ClusterId", "test");
        settings.TryAdd("Orleans:ServiceId", "test");
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        configure(builder);
        return builder.Build();
    }

    private sealed class NoCredential : TokenCredential
    {
        public int Asked { get; private set; }

        public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) => throw Refuse();

        public override ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken) => throw Refuse();

        private InvalidOperationException Refuse()
        {
            Asked++;
            return new("no token");
        }
    }

    private sealed class Fixed : IGrainStorageSerializer
    {
        public BinaryData Serialize<T>(T? input) => new("x");

        public T Deserialize<T>(BinaryData input) => (T)(object)new Kept { Text = "from the serializer" };
    }
}

public interface ICounterGrain : IGrainWithStringKey
{
    Task<(int Rows, int Blobs)> Add();
}

public sealed class CounterGrain(
    [PersistentState("count", "rows")] IPersistentState<Kept> rows, [PersistentState("count", "blobs")] IPersistentState<Kept> blobs) : Grain, ICounterGrain
{
    public async Task<(int Rows, int Blobs)> Add()
    {
        rows.State.Number++;
        blobs.State.Number++;
        await rows.WriteStateAsync();
        await blobs.WriteStateAsync();
        return (rows.State.Number, blobs.State.Number);
    }
}
