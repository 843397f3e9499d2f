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

    [Theory]
    [InlineData("Kestrel:Endpoints:Https:Certificate", "missing.pfx", "Could not find file '")]
    [InlineData("Kestrel:Endpoints:Https:Certificate", "tls.pfx", "The certificate data cannot be read with the provided password, the password may be incorrect.")]
    [InlineData("Kestrel:Endpoints:Https:Sni:localhost:Certificate", "missing.pfx", "Could not find file '")]
    [InlineData("Kestrel:Certificates:Default", "missing.pfx", "Could not find file '")]
    [InlineData("Kestrel:Certificates:Default", "tls.pfx", "The certificate data cannot be read with the provided password, the password may be incorrect.")]
    public async Task A_certificate_that_cannot_be_read(string section, string file, string reason)
    {
        TlsTests.NewCertificate(_folder["tls.pfx"], "right");
        await Refused(
            $"{section} cannot be used: {reason}",
            "--Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0", $"--{section}:Path", _folder[file], $"--{section}:Password", Secret);
    }

    [Fact]
    public Task Https_without_a_certificate() =>
        Refused("Kestrel:Endpoints:Https cannot be used: Unable to configure HTTPS endpoint. No server certificate", "--Kestrel:Endpoints:Https:Url", "https://127.0.0.1:0");

    [Theory]
    [InlineData("urls ('http://127.0.0.1:abc') must be an address such as http://localhost:3000 or http://127.0.0.1:0.", "--urls", "http://127.0.0.1:abc")]
    [InlineData("urls ('http://127.0.0.1:99999') must be an address such as", "--urls", "http://127.0.0.1:99999")]
    [InlineData("urls ('http://localhost:0') must be an address such as", "--urls", "http://127.0.0.1:0;http://localhost:0")]
    [InlineData("urls ('nonsense') must be an address such as", "--urls", "nonsense")]
    [InlineData("urls cannot be used: Unrecognized scheme in server address 'ftp://127.0.0.1:1'.", "--urls", "ftp://127.0.0.1:1")]
    [InlineData("urls: cannot listen on 192.0.2.1:1: ", "--urls", "http://192.0.2.1:1", "--insecure")] // RFC 5737: nobody's address
    [InlineData("Refusing to listen on 192.0.2.1:1: ", "--urls", "http://192.0.2.1:1")]
    [InlineData("Refusing to listen on [::]:1: ", "--urls", "", "--http_ports", "1")]
    [InlineData("Kestrel:Endpoints:Web ('http://127.0.0.1:abc') must be an address such as", "--Kestrel:Endpoints:Web:Url", "http://127.0.0.1:abc")]
    public Task An_address_that_cannot_be_listened_on(string sentence, params string[] arguments) => Refused(sentence, arguments);

    [Theory]
    [InlineData("urls", "http://{0}")]
    [InlineData("Kestrel:Endpoints:Web", "http://{0}", ":Url")]
    [InlineData("Notify:Cluster:SiloPort", "{1}")]
    [InlineData("Notify:Cluster:GatewayPort", "{1}")]
    public async Task A_port_that_is_taken(string setting, string value, string leaf = "")
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var taken = (IPEndPoint)other.LocalEndpoint;
        await Refused(
            $"{setting}: cannot listen on {taken}: address already in use. Is another server running?",
            $"--{setting}{leaf}", string.Format(CultureInfo.InvariantCulture, value, taken, taken.Port));
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
