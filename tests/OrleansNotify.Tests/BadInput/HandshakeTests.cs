using System.Text;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Handshakes that are none, or not allowed.</summary>
public sealed class HandshakeTests(BadInputServer server) : BadInputTest(server)
{
    private const string NotWebSocket = "This address speaks WebSocket: connect with a WebSocket client over HTTP/1.1.";
    private const string BadKey = "Sec-WebSocket-Key must be 16 bytes in base64.";
    private const string BadVersion = "Sec-WebSocket-Version must be 13.";

    private string Own => $"http://127.0.0.1:{Server.Port}";

    [Theory]
    [InlineData("Sec-WebSocket-Key", "", 400, BadKey)]
    [InlineData("Sec-WebSocket-Key", "short", 400, BadKey)]
    [InlineData("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAA=", 400, BadKey)] // 17 bytes
    [InlineData("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAA!==", 400, BadKey)]
    [InlineData("Sec-WebSocket-Version", "", 426, BadVersion)]
    [InlineData("Sec-WebSocket-Version", "8", 426, BadVersion)]
    [InlineData("Sec-WebSocket-Version", "13, 8", 426, BadVersion)]
    [InlineData("Upgrade", "", 426, NotWebSocket)]
    [InlineData("Upgrade", "h2c", 426, NotWebSocket)]
    [InlineData("Connection", "", 426, NotWebSocket)]
    [InlineData("Connection", "keep-alive", 426, NotWebSocket)]
    public async Task A_wrong_header_is_refused_with_the_version_that_is_spoken(string name, string value, int status, string detail)
    {
        await using var raw = await RawSocket.ConnectAsync(Server.Port);

        var response = await raw.Handshake("/ws", (name, value));

        response.AssertProblem(status, detail);
        Assert.Equal("13", response.Headers["Sec-WebSocket-Version"].Single());
        Assert.Equal(status == 426 ? ["websocket"] : [], response.Headers["Upgrade"]);
    }

    [Fact]
    public async Task Headers_in_other_spellings_are_accepted()
    {
        await using var raw = await Server.Open(("Upgrade", "WebSocket"), ("Connection", "keep-alive, upgrade"), ("Sec-WebSocket-Protocol", "other, notify.json"));
        await raw.AssertGoesOn();
    }

    [Fact]
    public async Task A_subprotocol_is_named_only_when_the_client_offers_it()
    {
        await using var offers = await RawSocket.ConnectAsync(Server.Port);
        Assert.Equal(["notify.json"], (await offers.Handshake("/ws", ("Sec-WebSocket-Protocol", "other, notify.json"))).Headers["Sec-WebSocket-Protocol"]);
        await using var foreign = await RawSocket.ConnectAsync(Server.Port);
        Assert.Empty((await foreign.Handshake("/ws", ("Sec-WebSocket-Protocol", "other"))).Headers["Sec-WebSocket-Protocol"]);
    }

    [Fact]
    public async Task A_plain_get_is_426_and_the_connection_stays_for_the_next_request()
    {
        var request = Encoding.ASCII.GetBytes($"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\n\r\n");
        await using var raw = await RawSocket.ConnectAsync(Server.Port);
        for (var i = 0; i < 2; i++)
        {
            await raw.Send(request);
            (await raw.ReadResponse()).AssertProblem(426, NotWebSocket);
        }
    }

    [Fact]
    public async Task A_post_is_405()
    {
        var response = await RawSocket.Post(Server.Port, "/ws", "{}"u8.ToArray());
        response.AssertProblem(405, "A WebSocket handshake is a GET request.");
        Assert.Equal("GET", response.Headers["Allow"].Single());
    }

    [Theory]
    [InlineData("http://evil.example")]
    [InlineData("null")]
    [InlineData("http://127.0.0.1")] // another port
    [InlineData("http://localhost:1")]
    [InlineData("file://")]
    public async Task A_handshake_of_a_foreign_page_is_403(string origin)
    {
        await using var raw = await RawSocket.ConnectAsync(Server.Port);
        (await raw.Handshake("/ws", ("Origin", origin))).AssertProblem(403, "Requests from web pages of another origin are refused; …");
    }

    [Fact]
    public async Task A_handshake_of_an_own_page_or_of_no_page_is_accepted()
    {
        await using var own = await Server.Open(("Origin", Own));
        await own.AssertGoesOn();
        await using var none = await Server.Open();
        await none.AssertGoesOn();
    }

    [Fact]
    public async Task A_publish_of_a_foreign_page_is_403_and_publishes_nothing()
    {
        (await RawSocket.Post(Server.Port, "/api/events", """{"channel":"foreign.page","data":1}"""u8.ToArray(), "application/json", ("Origin", "http://evil.example")))
            .AssertProblem(403, "Requests from web pages of another origin are refused; …");
        Assert.Equal(1, (await Server.Http.Publish("foreign.page", "2")).GetProperty("offset").GetInt32());
    }

    [Fact]
    public async Task A_handshake_to_another_name_of_this_address_is_421()
    {
        await using var raw = await RawSocket.ConnectAsync(Server.Port);
        (await raw.Handshake("/ws", ("Host", $"rebound.example:{Server.Port}"), ("Origin", $"http://rebound.example:{Server.Port}")))
            .AssertProblem(421, "This server is not known by that host name; …");
    }

    [Theory]
    [InlineData("/ws?user=")]
    [InlineData("/ws?user=a%20b")]
    [InlineData("/ws?user=a&user=b")]
    [InlineData("/ws?user=%FF")]
    public async Task A_user_that_is_none_is_400(string path)
    {
        await using var raw = await RawSocket.ConnectAsync(Server.Port);
        (await raw.Handshake(path)).AssertProblem(400, "The parameter 'user' must be 1-128 of A-Z a-z 0-9 _ . @ = + ~ : -");
    }

    [Theory]
    [InlineData("GET /ws\r\n\r\n")]
    [InlineData("nonsense\r\n\r\n")]
    [InlineData("GET /ws HTTP/1.1\r\n\r\n")] // no Host
    [InlineData("GET /ws HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n")]
    [InlineData("GET /ws HTTP/9.9\r\nHost: x\r\n\r\n")]
    public async Task What_is_no_http_is_refused_by_4xx_or_505(string request)
    {
        var response = await RawSocket.Http(Server.Port, Encoding.ASCII.GetBytes(request));
        Assert.True(response.Status is >= 400 and < 500 or 505, $"{response.Status}");
    }

    [Fact]
    public async Task Frames_sent_with_the_handshake_are_answered_behind_its_answer()
    {
        for (var i = 0; i < 30; i++) // without the care it takes some of these answers overtake the 101, not each
        {
            await using var raw = await RawSocket.ConnectAsync(Server.Port);
            await raw.Send((byte[])[
                .. Encoding.ASCII.GetBytes($"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"),
                .. RawSocket.Frame(1, """{"type":"ping","id":1}"""u8)]);
            Assert.Equal(101, (await raw.ReadResponse()).Status);
            Assert.Equal(1, (await raw.Next()).GetProperty("id").GetInt32());
            await raw.AssertGoesOn();
        }
    }

    [Fact]
    public async Task A_connection_beyond_the_limit_is_503_with_retry_after_until_another_has_gone()
    {
        await using var small = await RunningServer.StartAsync(new() { ["Notify:Limits:ConnectionsPerSilo"] = "2" });
        await using var first = await RawSocket.OpenAsync(small.WebSocket.Port);
        await using var second = await RawSocket.OpenAsync(small.WebSocket.Port);

        await using var third = await RawSocket.ConnectAsync(small.WebSocket.Port);
        var refused = await third.Handshake();
        refused.AssertProblem(503, "Too many connections, or too many at once; try again, or at another silo.");
        Assert.Equal("1", refused.Headers["Retry-After"].Single());

        second.Reset();
        await Until.Equal(101, "the answer to the next handshake", async () =>
        {
            await using var next = await RawSocket.ConnectAsync(small.WebSocket.Port);
            return (await next.Handshake()).Status;
        });
        await first.AssertGoesOn();
        Assert.Empty(small.Log.Errors);
    }
}
