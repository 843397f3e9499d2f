using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.Server;

public sealed class TlsTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Clients_connect_by_wss_and_get_what_is_published_by_https()
    {
        var thumbprint = NewCertificate(_folder["tls.pfx"], "secret");
        await using var server = await RunningServer.StartAsync(Https("https://127.0.0.1:0"));
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, certificate, _, _) => certificate!.Thumbprint == thumbprint };
        using var http = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress };
        Assert.Equal("https", http.BaseAddress!.Scheme);
        using var socket = new ClientWebSocket();
        socket.Options.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.GetCertHashString() == thumbprint;
        using var deadline = new CancellationTokenSource(Patience, TimeProvider.System);
        await socket.ConnectAsync(new UriBuilder(http.BaseAddress) { Scheme = "wss", Path = "/ws" }.Uri, deadline.Token);
        await socket.SendAsync("""{"type":"subscribe","channel":"safe"}"""u8.ToArray(), WebSocketMessageType.Text, true, deadline.Token);
        Assert.Contains("\"subscribed\"", await Read(socket, deadline.Token), StringComparison.Ordinal);

        await http.Publish("safe", """{"n":7}""");

        var seen = await Read(socket, deadline.Token);
        Assert.True(seen.Contains("\"n\":7}", StringComparison.Ordinal), seen);
    }

    [Fact]
    public async Task A_client_that_speaks_http_2_is_given_http_1_on_which_a_websocket_can_be()
    {
        var thumbprint = NewCertificate(_folder["tls.pfx"], "secret");
        await using var server = await RunningServer.StartAsync(Https("https://127.0.0.1:0"));
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.GetCertHashString() == thumbprint;
        using var http = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress, DefaultRequestVersion = HttpVersion.Version20 };
        using var page = await http.GetAsync(new Uri("/", UriKind.Relative));
        Assert.Equal(HttpVersion.Version11, page.Version);
        using var socket = new ClientWebSocket();
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionOrLower;
        using var deadline = new CancellationTokenSource(Patience, TimeProvider.System);
        await socket.ConnectAsync(new UriBuilder(http.BaseAddress!) { Scheme = "wss", Path = "/ws" }.Uri, http, deadline.Token);
        Assert.Equal(WebSocketState.Open, socket.State);
    }

    [Fact]
    public async Task Tls_hides_but_lets_everybody_in_so_the_network_still_has_to_be_called_trusted()
    {
        NewCertificate(_folder["tls.pfx"], "secret");
        var refused = await Assert.ThrowsAsync<StartException>(() => RunningServer.StartAsync(Https("https://0.0.0.0:0")));
        Assert.Contains("--insecure", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Writes a self-signed certificate and returns its thumbprint.</summary>
    internal static string NewCertificate(string path, string password)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllBytes(path, certificate.Export(X509ContentType.Pfx, password));
        return certificate.Thumbprint;
    }

    private Dictionary<string, string?> Https(string url) => new()
    {
        ["Kestrel:Endpoints:Https:Url"] = url,
        ["Kestrel:Endpoints:Https:Certificate:Path"] = _folder["tls.pfx"],
        ["Kestrel:Endpoints:Https:Certificate:Password"] = "secret",
    };

    private static async Task<string> Read(ClientWebSocket socket, CancellationToken cancellationToken)
    {
        var buffer = new byte[4096];
        var length = 0;
        ValueWebSocketReceiveResult part;
        do
        {
            part = await socket.ReceiveAsync(buffer.AsMemory(length), cancellationToken);
            length += part.Count;
        }
        while (!part.EndOfMessage);
        return Encoding.UTF8.GetString(buffer, 0, length);
    }
}
