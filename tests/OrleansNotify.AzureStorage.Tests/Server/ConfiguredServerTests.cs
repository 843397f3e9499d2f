using System.Text;
using Azure.Data.Tables;
using Azure.Data.Tables.Sas;
using Microsoft.Extensions.Configuration;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Testing;
using StackExchange.Redis;

namespace OrleansNotify.AzureStorage.Tests.Server;

/// <summary>The server on real stores, chosen by configuration alone; and stores that refuse it.</summary>
[Collection(StoresCollection.Name)]
public sealed class ConfiguredServerTests(Stores stores)
{
    private const string Secret = "canary-77aa";

    [Fact]
    public async Task Two_processes_form_a_cluster_in_redis() =>
        await FormsACluster("Redis", (await stores.Redis()).ConnectionString);

    [Fact]
    public async Task Two_processes_form_a_cluster_in_azure_storage() =>
        await FormsACluster("AzureStorage", (await stores.Azurite()).ConnectionString);

    [Fact]
    public async Task Redis_that_refuses_the_password_or_the_user_s_rights_is_a_sentence_without_secrets()
    {
        await using var redis = await RedisProcess.StartAsync();
        await using var admin = await ConnectionMultiplexer.ConnectAsync($"{redis.ConnectionString},allowAdmin=true");
        var database = admin.GetDatabase();
        await database.ExecuteAsync("ACL", "SETUSER", "reader", "on", $">{Secret}", "~*", "+@read", "+@connection", "+info", "+config|get", "+cluster|nodes", "+client");
        var refused = $"Notify:Cluster:ConnectionString: Redis at {redis.ConnectionString} refuses the user or the password.";

        // Its default user is open: a connection whose AUTH was refused goes on as that one.
        Assert.Equal(refused, await Refusal("Redis", $"{redis.ConnectionString},user=reader,password=not-{Secret}"));
        Assert.Equal(
            $"Notify:Cluster:ConnectionString: Redis at {redis.ConnectionString} asks for no password, and one is configured.",
            await Refusal("Redis", $"{redis.ConnectionString},password={Secret}"));

        await database.ExecuteAsync("CONFIG", "SET", "requirepass", Secret);
        Assert.Equal(refused, await Refusal("Redis", $"{redis.ConnectionString},password=not-{Secret}"));
        Assert.Equal(refused, await Refusal("Redis", redis.ConnectionString));

        await database.ExecuteAsync("ACL", "SETUSER", "default", "off");
        Assert.Equal(refused, await Refusal("Redis", $"{redis.ConnectionString},user=reader,password=not-{Secret}"));
        Assert.StartsWith(
            $"Notify:Cluster:ConnectionString: Redis at {redis.ConnectionString} does not allow this user what a silo needs",
            await Refusal("Redis", $"{redis.ConnectionString},user=reader,password={Secret}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Azure_storage_that_refuses_the_key_or_the_signature_s_rights_is_a_sentence_without_secrets()
    {
        var azurite = await stores.Azurite();
        var parts = azurite.ConnectionString.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(part => part.Split('=', 2)).ToDictionary(part => part[0], part => part[1]);
        var wrong = Convert.ToBase64String(Encoding.UTF8.GetBytes(Secret));
        Assert.Contains(
            "refuses the account key or signature",
            await Refusal("AzureStorage", azurite.ConnectionString.Replace(parts["AccountKey"], wrong, StringComparison.Ordinal)), StringComparison.Ordinal);

        var service = new TableServiceClient(azurite.ConnectionString);
        await service.CreateTableIfNotExistsAsync("OrleansSiloInstances");
        var sas = service.GenerateSasUri(TableAccountSasPermissions.Read, TableAccountSasResourceTypes.All, TimeProvider.System.GetUtcNow().AddHours(1)).Query.TrimStart('?');
        var sentence = await Refusal("AzureStorage", $"TableEndpoint={parts["TableEndpoint"]};SharedAccessSignature={sas}");
        Assert.Contains("reading and writing table OrleansSiloInstances", sentence, StringComparison.Ordinal);
        Assert.DoesNotContain("sig=", sentence, StringComparison.Ordinal);
    }

    private static async Task FormsACluster(string provider, string connection)
    {
        string[] arguments =
        [
            "--Notify:Cluster:Provider", provider, "--Notify:Cluster:ConnectionString", connection,
            "--Notify:Cluster:AdvertisedAddress", "127.0.0.1", "--Notify:Cluster:ClusterId", $"test{Guid.NewGuid():N}",
        ];
        await using var one = await ServerProcess.StartAsync(arguments: arguments);
        await using var two = await ServerProcess.StartAsync(arguments: arguments);
        await using var client = await two.ConnectAsync();
        await client.Subscribe("shared");
        await one.Publish("shared", """{"n":1}""");
        await client.Next("event", _ => true, TimeSpan.FromSeconds(30));
        Assert.Equal(0, await two.StopAsync(ChildProcess.SigTerm));
        Assert.Equal(0, await one.StopAsync(ChildProcess.SigTerm));
    }

    private static async Task<string> Refusal(string provider, string connection)
    {
        await using var app = NotifyServer.Build([], builder => builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["Notify:Cluster:Provider"] = provider,
            ["Notify:Cluster:ConnectionString"] = connection,
            ["Notify:Cluster:AdvertisedAddress"] = "127.0.0.1",
            ["Notify:Cluster:SiloPort"] = $"{Ports.Free()}",
            ["Notify:Cluster:GatewayPort"] = "0",
        }));
        var refused = await Assert.ThrowsAsync<StartException>(() => NotifyServer.StartAsync(app));
        Assert.DoesNotContain(Secret, refused.Message, StringComparison.Ordinal);
        return refused.Message;
    }
}
