using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using OrleansNotify.Testing;
using OrleansNotify.Tests.Server;
using OrleansNotify.Tests.Sqlite;

namespace OrleansNotify.Tests.Transports.WebSocket;

/// <summary>How a connection ends from our side.</summary>
public sealed class FarewellTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory(Timeout = 60_000)]
    [InlineData("http")] // the bare connection
    [InlineData("https")] // within HTTP
    public async Task A_client_that_does_not_answer_it_gets_it_whole_and_then_the_end(string scheme)
    {
        var thumbprint = TlsTests.NewCertificate(_folder["tls.pfx"], "secret");
        await using var server = await RunningServer.StartAsync(new()
        {
            ["Notify:Development:AllowUserParameter"] = "true",
            ["Kestrel:Endpoints:One:Url"] = $"{scheme}://127.0.0.1:0",
            ["Kestrel:Endpoints:One:Certificate:Path"] = scheme == "https" ? _folder["tls.pfx"] : null,
            ["Kestrel:Endpoints:One:Certificate:Password"] = scheme == "https" ? "secret" : null,
        });
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, certificate, _, _) => certificate!.Thumbprint == thumbprint };
        using var http = new HttpClient(handler) { BaseAddress = server.Http.BaseAddress };
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, http.BaseAddress!.Port);
        await using var tls = new SslStream(tcp.GetStream(), false, (_, certificate, _, _) => certificate!.GetCertHashString() == thumbprint);
        if (scheme == "https")
            await tls.AuthenticateAsClientAsync("localhost");
        Stream stream = scheme == "https" ? tls : tcp.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(
            $"GET /ws?user=42 HTTP/1.1\r\nHost: 127.0.0.1:{http.BaseAddress.Port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"));
        await ReadUntil("\r\n\r\n");
        await stream.WriteAsync(RawSocket.Frame(1, """{"type":"ping","id":7}"""u8));
        await ReadUntil("}");

        Assert.Equal(HttpStatusCode.OK, (await http.PostAsync(new Uri("/api/users/42/disconnect", UriKind.Relative), null)).StatusCode);

        var rest = new MemoryStream();
        await stream.CopyToAsync(rest); // a reset would throw
        var frame = rest.ToArray();
        Assert.Equal([0x88, (byte)(frame.Length - 2), 3503 >> 8, 3503 & 0xFF], frame[..4]);

        async Task ReadUntil(string end)
        {
            var read = new StringBuilder();
            var one = new byte[1];
            while (!read.ToString().EndsWith(end, StringComparison.Ordinal))
            {
                await stream.ReadExactlyAsync(one);
                read.Append((char)one[0]);
            }
        }
    }
}
