using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Azure.Data.Tables;
using Azure.Data.Tables.Sas;
using OrleansNotify.Testing;
using StackExchange.Redis;

namespace OrleansNotify.AzureStorage.Tests.Server;

/// <summary>Real processes that log all there is, on real stores, in good times and bad: no line of either stream holds a secret in any spelling.</summary>
public sealed class SecretsInLogsTests
{
    // With signs that are spelt otherwise in an address or in JSON.
    private const string Password = "canary/Pa+ss=5c1e";

    private const string HookCode = "canary-code-5c1e";
    private const string HookSecret = "Y2FuYXJ5LWhvb2stY2FuYXJ5LWhvb2stY2FuYXJ5LTEyMzQ=";

    private static readonly string[] Everything = // appsettings.json says less for these
    [
        .. new[] { "Default", "OrleansNotify", "Orleans.Runtime.Silo", "Orleans.Runtime.Watchdog" }.Select(category => $"--Logging:LogLevel:{category}=Trace"),
        "--Notify:Namespaces:orders:Class=Durable",
        "--Notify:Cluster:AdvertisedAddress=127.0.0.1",
        "--Notify:Webhooks:0:Url=http://127.0.0.1:1/hook?code=" + HookCode, // nobody listens: its tries fail
        "--Notify:Webhooks:0:Secret=" + HookSecret,
    ];

    [Theory]
    [InlineData("default", "password=" + Password)]
    [InlineData("silo", "user=silo,password=" + Password)]
    public async Task Of_redis(string user, string login)
    {
        await using var redis = await RedisProcess.StartAsync();
        await using var admin = await ConnectionMultiplexer.ConnectAsync($"{redis.ConnectionString},allowAdmin=true");
        var database = admin.GetDatabase();
        await database.ExecuteAsync("ACL", "SETUSER", "admin", "on", "nopass", "~*", "&*", "+@all");
        await database.ExecuteAsync("AUTH", "admin", "any");
        await database.ExecuteAsync("ACL", "SETUSER", "default", "off"); // else a refused connection goes on as that user, and nothing fails
        await database.ExecuteAsync("ACL", "SETUSER", user, "on", $">{Password}", "~*", "&*", "+@all");
        string[] Arguments(string connection) => ["--Notify:Cluster:Provider=Redis", $"--Notify:Cluster:ConnectionString={redis.ConnectionString},{connection}"];
        string[] OrleansOwn(string connection) =>
        [
            "--Orleans:Clustering:ProviderType=Redis", $"--Orleans:Clustering:ConnectionString={redis.ConnectionString},{connection}",
            "--Orleans:GrainStorage:notify:ProviderType=Redis", $"--Orleans:GrainStorage:notify:ConnectionString={redis.ConnectionString},{connection}",
        ];

        await Works(
            Arguments(login), [Password],
            async () =>
            {
                await database.ExecuteAsync("ACL", "SETUSER", user, "off");
                await database.ExecuteAsync("CLIENT", "KILL", "USER", user);
            },
            async () => await database.ExecuteAsync("ACL", "SETUSER", user, "on"));
        await Works(OrleansOwn(login), [Password]);
        await Fails(Arguments($"{login}-wrong"), [Password]);
        await Fails(OrleansOwn($"{login}-wrong"), [Password]);
    }

    [Fact]
    public async Task Of_azure_storage()
    {
        await using var azurite = await AzuriteProcess.StartAsync();
        static string[] Arguments(string connection) => ["--Notify:Cluster:Provider=AzureStorage", $"--Notify:Cluster:ConnectionString={connection}"];
        static string[] OrleansOwn(string connection) =>
        [
            "--Orleans:Clustering:ProviderType=AzureTableStorage", $"--Orleans:Clustering:ConnectionString={connection}",
            "--Orleans:GrainStorage:notify:ProviderType=AzureTableStorage", $"--Orleans:GrainStorage:notify:ConnectionString={connection}",
        ];
        var wrongKey = Convert.ToBase64String(Encoding.UTF8.GetBytes(Password));
        var wrong = azurite.ConnectionString.Replace(AzuriteProcess.AccountKey, wrongKey, StringComparison.Ordinal);
        var sas = new TableServiceClient(azurite.ConnectionString)
            .GenerateSasUri(TableAccountSasPermissions.All, TableAccountSasResourceTypes.All, TimeProvider.System.GetUtcNow().AddHours(1)).Query.TrimStart('?');
        var signature = WebUtility.UrlDecode(sas.Split('&').Single(part => part.StartsWith("sig=", StringComparison.Ordinal))["sig=".Length..]);
        var signed = $"TableEndpoint=http://127.0.0.1:{azurite.TablePort}/{AzuriteProcess.AccountName};SharedAccessSignature={sas}";

        await Works(Arguments(azurite.ConnectionString), [AzuriteProcess.AccountKey], azurite.TerminateAsync, azurite.RestartAsync);
        await Works(Arguments(signed), [signature], azurite.TerminateAsync, azurite.RestartAsync);
        await Works(OrleansOwn(azurite.ConnectionString), [AzuriteProcess.AccountKey]);
        await Fails(Arguments(wrong), [wrongKey, Password]);
        await Fails(OrleansOwn(wrong), [wrongKey, Password]);
        await Fails(Arguments(signed.Replace(sas, sas.Replace("sp=", "sp=x", StringComparison.Ordinal), StringComparison.Ordinal)), [signature]);
    }

    // Publishes and subscribes a little, with the store gone for a while if the caller knows how.
    private static async Task Works(string[] arguments, string[] secrets, Func<Task>? takeStore = null, Func<Task>? giveBack = null)
    {
        await using var server = await ServerProcess.StartAsync(arguments: [.. Everything, .. arguments]);
        await using var client = await server.ConnectAsync();
        await client.Subscribe("orders:1");
        Assert.Equal(HttpStatusCode.Accepted, await Publish(server));
        await client.Next("event", _ => true, Hosts.Patience);
        if (takeStore is not null)
        {
            await takeStore();
            await Until.Equal(HttpStatusCode.ServiceUnavailable, "a publish without a store", () => Publish(server), Hosts.Patience);
            await giveBack!();
            await Until.Equal(HttpStatusCode.Accepted, "a publish with the store back", () => Publish(server), Hosts.Patience);
        }
        Assert.Equal(0, await server.StopAsync(ChildProcess.SigTerm));
        Assert.Contains(server.Output, line => line.Contains("trce:", StringComparison.Ordinal));
        Assert.Contains(server.Output, line => line.Contains("OptionsLogger", StringComparison.Ordinal)); // Orleans prints what it is configured with
        Assert.Contains(server.Output, line => line.Contains("Webhook 0 (127.0.0.1:1)", StringComparison.Ordinal));
        NoneIn(server.Output, secrets);
    }

    private static async Task Fails(string[] arguments, string[] secrets)
    {
        await using var process = ChildProcess.Start(
            "dotnet",
            [
                Repository.Built("OrleansNotify.Server"), "--urls=http://127.0.0.1:0", .. Everything,
                string.Create(CultureInfo.InvariantCulture, $"--Notify:Cluster:SiloPort={Ports.Free()}"), "--Notify:Cluster:GatewayPort=0", .. arguments,
            ]);
        Assert.Equal(1, await process.Exited(TimeSpan.FromSeconds(60)));
        Assert.NotEmpty(process.Lines);
        NoneIn(process.Lines, secrets);
    }

    private static async Task<HttpStatusCode> Publish(ServerProcess server)
    {
        using var reply = await server.Http.PostAsJsonAsync(new Uri("api/events", UriKind.Relative), new { channel = "orders:1", data = 1 });
        return reply.StatusCode;
    }

    private static void NoneIn(IReadOnlyList<string> lines, string[] secrets)
    {
        // All at once: one after the other took half of the test.
        var spellings = SearchValues.Create([.. secrets.Concat([HookCode, HookSecret]).SelectMany(Spellings)], StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(lines, line => line.AsSpan().ContainsAny(spellings));
    }

    private static IEnumerable<string> Spellings(string secret)
    {
        yield return secret;
        yield return Uri.EscapeDataString(secret);
        yield return JsonEncodedText.Encode(secret).ToString();
        // Base64 of a text that holds it: for each of three places in a group the characters that do not depend on its neighbours.
        for (var before = 0; before < 3; before++)
        {
            byte[] bytes = [.. new byte[before], .. Encoding.UTF8.GetBytes(secret)];
            yield return Convert.ToBase64String(bytes)[(before == 0 ? 0 : before + 1)..(bytes.Length / 3 * 4)];
        }
    }
}
