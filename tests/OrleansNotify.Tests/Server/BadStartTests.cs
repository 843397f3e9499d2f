using System.Globalization;
using System.Net;
using System.Net.Sockets;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.Server;

/// <summary>The real process, configured so that it cannot start: one sentence, exit code 1, soon, and no secret.</summary>
public sealed class BadStartTests : IDisposable
{
    private const string Secret = "canary-5f2c";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public Task An_unknown_provider() =>
        Refused("Notify:Cluster:Provider ('Consul') must be one of Development, AzureStorage, Redis.", "--Notify:Cluster:Provider", "Consul");

    [Fact]
    public Task Two_providers() => Refused(
        "Orleans:Clustering and Notify:Cluster:ConnectionString are both configured: use one of them.",
        "--Orleans:Clustering:ProviderType", "Redis", "--Notify:Cluster:ConnectionString", $"127.0.0.1:1,password={Secret}");

    [Fact]
    public async Task A_store_that_is_not_there()
    {
        var nobody = Ports.Free();
        await Refused(
            $"Notify:Cluster:ConnectionString: Redis at 127.0.0.1:{nobody} does not answer.",
            "--Notify:Cluster:Provider", "Redis", "--Notify:Cluster:AdvertisedAddress", "127.0.0.1", "--Notify:Cluster:ConnectionString", $"127.0.0.1:{nobody},password={Secret}");
    }

    [Fact]
    public async Task An_azure_store_that_is_not_there()
    {
        var nobody = Ports.Free();
        var key = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(Secret));
        await Refused(
            $"Notify:Cluster:ConnectionString: Azure storage at 127.0.0.1:{nobody} does not answer.",
            "--Notify:Cluster:Provider", "AzureStorage", "--Notify:Cluster:AdvertisedAddress", "127.0.0.1",
            "--Notify:Cluster:ConnectionString", $"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={key};TableEndpoint=http://127.0.0.1:{nobody}/a;BlobEndpoint=http://127.0.0.1:{nobody}/a");
    }

    [Fact]
    public async Task A_store_that_takes_the_connection_and_says_nothing()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        await Refused(
            $"Notify:Storage:ConnectionString: Redis at 127.0.0.1:{port} does not answer.",
            "--Notify:Storage:Provider", "Redis", "--Notify:Storage:ConnectionString", $"127.0.0.1:{port},password={Secret}");
    }

    [Fact]
    public Task Silos_that_would_listen_to_the_network() => Refused(
        "Refusing to listen for silos on 0.0.0.0:",
        "--Notify:Cluster:Provider", "Redis", "--Notify:Cluster:AdvertisedAddress", "10.1.2.3", "--Notify:Cluster:ConnectionString", $"127.0.0.1:1,password={Secret}");

    [Fact]
    public async Task Files_that_cannot_be_the_store()
    {
        File.WriteAllText(_folder["text.db"], new string('x', 10_000));
        await Refused($"Notify:Storage:Path ('{_folder["text.db"]}') cannot be used: SQLite Error 26: 'file is not a database'.", "--Notify:Storage:Path", _folder["text.db"]);
        await Refused($"Notify:Storage:Path ('{_folder["text.db/deep/notify.db"]}') cannot be used: {_folder["text.db"]} is a file, no folder.", "--Notify:Storage:Path", _folder["text.db/deep/notify.db"]);
    }

    [Fact]
    public async Task A_certificate_whose_password_is_wrong()
    {
        TlsTests.NewCertificate(_folder["tls.pfx"], "right");
        // Found out when Kestrel starts, after the silo: what that has logged stands before the sentence.
        var lines = await Ended(
            "--Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0", "--Kestrel:Endpoints:Https:Certificate:Path", _folder["tls.pfx"], "--Kestrel:Endpoints:Https:Certificate:Password", Secret);
        Assert.Single(lines, line => line.StartsWith("The certificate cannot be used:", StringComparison.Ordinal));
    }

    private async Task Refused(string sentence, params string[] arguments) =>
        Assert.StartsWith(sentence, Assert.Single(await Ended(arguments)), StringComparison.Ordinal);

    // What it printed, on both streams.
    private async Task<IReadOnlyList<string>> Ended(params string[] arguments)
    {
        await using var process = ChildProcess.Start(
            "dotnet",
            [Repository.Built("OrleansNotify.Server"), "--urls", "http://127.0.0.1:0", "--Notify:Cluster:SiloPort", Port(), "--Notify:Cluster:GatewayPort", Port(), .. arguments],
            folder: _folder["."],
            environment: new Dictionary<string, string?> { ["DOTNET_ENVIRONMENT"] = null, ["ASPNETCORE_ENVIRONMENT"] = null, ["ASPNETCORE_URLS"] = null });
        Assert.Equal(1, await process.Exited(TimeSpan.FromSeconds(30))); // a start gives up within 15; the rest is this machine's
        Assert.DoesNotContain(process.Lines, line => line.Contains(Secret, StringComparison.Ordinal));
        return process.Lines;
    }

    private static string Port() => Ports.Free().ToString(CultureInfo.InvariantCulture);
}
