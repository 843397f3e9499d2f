using System.Text;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Bodies of <c>POST /api/events</c> that are no event: 4xx with the reason, and nothing is published.</summary>
public sealed class HttpBodyTests(BadInputServer server) : BadInputTest(server)
{
    private const string NotJson = "Send Content-Type: application/json (UTF-8) without Content-Encoding.";
    private const string NotEvent = """An event must be one JSON object, such as {"channel":"notifications","data":{"message":"hello"}}.""";
    private const string UserId = "of A-Z a-z 0-9 _ . @ = + ~ : -";

    [Theory]
    [InlineData("", "Invalid JSON: …")]
    [InlineData("hello", "Invalid JSON: …")]
    [InlineData("""{"channel":"http.bad","data":1""", "Invalid JSON: …")]
    [InlineData("""{"channel":"http.bad","data":1} x""", "Invalid JSON: …")]
    [InlineData("""{"channel":"http.bad","data":NaN}""", "Invalid JSON: …")]
    [InlineData("\uFEFF{\"channel\":\"http.bad\",\"data\":1}", "Invalid JSON: it begins with a byte order mark; send UTF-8 without one.")]
    [InlineData("""{"channel":"http.bad","data":"\udc00"}""", "Invalid JSON: a \\u escape of half a surrogate pair (byte…")]
    [InlineData("""{"channel":"http.bad","data":{"\ud800x":1}}""", "Invalid JSON: a \\u escape of half a surrogate pair (byte…")]
    [InlineData("""{"channel":"http.bad","data":1,"data":2}""", "Invalid JSON: the key \"data\" stands twice in one object (byte…")]
    [InlineData("""{"channel":"http.bad","data":{"a":1,"\u0061":2}}""", "Invalid JSON: the key \"a\" stands twice in one object (byte…")]
    [InlineData("null", NotEvent)]
    [InlineData("""[{"channel":"http.bad","data":1}]""", NotEvent)]
    [InlineData("""{"data":1}""", "\"channel\" is missing; name a channel, or send a type: user, broadcast or system.", "channel")]
    [InlineData("""{"channel":null,"data":1}""", "\"channel\" is missing; name a channel, or send a type: user, broadcast or system.", "channel")]
    [InlineData("""{"channel":7,"data":1}""", "\"channel\" must be a string, not a number.", "channel")]
    [InlineData("""{"channel":"http.bad"}""", "\"data\" is missing; send any JSON value.", "data")]
    [InlineData("""{"channel":"http.bad","data":1,"type":"dance"}""", "\"type\" is unknown; send custom (or leave it out), user, broadcast or system.", "type")]
    [InlineData("""{"channel":"http.bad","data":1,"type":1}""", "\"type\" must be a string, not a number.", "type")]
    [InlineData("""{"channel":"http.bad","data":1,"type":"broadcast"}""", "\"channel\" goes with type custom only; with type broadcast leave it out.", "channel")]
    [InlineData("""{"channel":"http.bad","data":1,"type":"system"}""", "\"channel\" goes with type custom only; with type system leave it out.", "channel")]
    [InlineData("""{"channel":"http.bad","data":1,"type":"user","user":"42"}""", "\"channel\" goes with type custom only; with type user leave it out.", "channel")]
    [InlineData("""{"data":1,"type":"user"}""", "\"user\" is missing; name the user the event is for.", "user")]
    [InlineData("""{"data":1,"type":"user","user":42}""", "\"user\" must be a string, not a number.", "user")]
    [InlineData("""{"data":1,"type":"user","user":"4,2"}""", "\"user\" must be a string of 1 to 128 " + UserId, "user")]
    [InlineData("""{"data":1,"type":"user","user":""}""", "\"user\" must be a string of 1 to 128 " + UserId, "user")]
    [InlineData("""{"data":1,"type":"system","user":"42"}""", "\"user\" goes with type user only; with type system leave it out.", "user")]
    [InlineData("""{"channel":"@system","data":1}""", "@system is not published to by name; send \"type\":\"system\" without channel.", "channel")]
    [InlineData("""{"channel":"@broadcast","data":1}""", "@broadcast is not published to by name; send \"type\":\"broadcast\" without channel.", "channel")]
    [InlineData("""{"channel":"#42","data":1}""", """A user's own channel is not published to by name; send {"type":"user","user":…,"data":…}.""", "channel")]
    [InlineData("""{"channel":"chat:*","data":1}""", "Invalid channel: '*' at position 6 makes a pattern, which can only be subscribed to; name one channel.", "channel")]
    [InlineData("""{"channel":"nowhere:x","data":1}""", "Unknown namespace 'nowhere'; configure it under Notify:Namespaces, or use another channel.", "channel")]
    [InlineData("""{"channel":"http.bad","data":1,"event":5}""", "\"event\" must be a string, not a number.", "event")]
    [InlineData("""{"channel":"http.bad","data":1,"event":"a\nb"}""", "\"event\" has a control character or half a surrogate pair; leave it out.", "event")]
    [InlineData("""{"channel":"http.bad","data":1,"tags":{}}""", "\"tags\" must be an array of strings, not an object.", "tags")]
    [InlineData("""{"channel":"http.bad","data":1,"tags":["a",null]}""", "\"tags\" entry 2 must be a string, not null.", "tags")]
    [InlineData("""{"channel":"http.bad","data":1,"idempotencyKey":""}""", "\"idempotencyKey\" has text of 0 characters; it takes 1 to 255.", "idempotencyKey")]
    public async Task A_body_that_is_no_event_is_400_and_says_which_field_and_why(string body, string detail, string? field = null)
    {
        (await Post(Encoding.UTF8.GetBytes(body))).AssertProblem(400, detail, field);
        await AssertNothingPublished();
    }

    [Theory]
    [InlineData(new byte[] { 0xFF })]
    [InlineData(new byte[] { 0xC0, 0x80 })]
    [InlineData(new byte[] { 0xED, 0xA0, 0x80 })]
    [InlineData(new byte[] { 0xE2, 0x82 })]
    public async Task A_body_that_is_not_utf8_is_400_also_inside_a_string(byte[] wrong)
    {
        byte[] body = [.. """{"channel":"http.bad","data":"x"""u8, .. wrong, .. "\"}"u8];
        (await Post(body)).AssertProblem(400, $"Invalid JSON: not valid UTF-8 (byte 31).");
        await AssertNothingPublished();
    }

    [Fact]
    public async Task Data_may_be_32_levels_deep_and_not_33()
    {
        Assert.Equal(202, (await Post(Event("http.deep", Nested(32)))).Status);
        (await Post(Event("http.deep", Nested(33)))).AssertProblem(400, "Invalid JSON: nested deeper than 33 levels (byte…");
        (await Post(Event("http.deep", Nested(30_000)))).AssertProblem(400, "Invalid JSON: nested deeper than 33 levels (byte…");
        Assert.Equal(2, (await Server.Http.Publish("http.deep", "1")).GetProperty("offset").GetInt32());

        static string Nested(int levels) => new string('[', levels) + new string(']', levels);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_may_have_64_KiB_and_not_a_byte_more_whether_its_length_is_told_or_not(bool chunked)
    {
        var channel = $"http.large.{chunked}";
        var allowed = Event(channel, "\"\"");
        allowed = Event(channel, $"\"{new string('x', (64 << 10) - allowed.Length)}\"");
        Assert.Equal(64 << 10, allowed.Length);
        Assert.Equal(202, (await Send(allowed)).Status);
        (await Send([.. allowed, (byte)' '])).AssertProblem(413, "The body may have at most 65536 bytes.");
        Assert.Equal(2, (await Server.Http.Publish(channel, "1")).GetProperty("offset").GetInt32());

        Task<RawResponse> Send(byte[] body) => chunked ? PostChunked(body) : Post(body);
    }

    [Fact]
    public async Task A_body_that_claims_to_be_enormous_is_413_before_it_is_sent()
    {
        var head = $"POST /api/events HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n";
        (await RawSocket.Http(Server.Port, Encoding.ASCII.GetBytes(head))).AssertProblem(413, "The body may have at most 65536 bytes.");
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/x-ndjson")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/jsonx")]
    [InlineData("nonsense")]
    public async Task A_wrong_content_type_is_415(string contentType)
    {
        (await Post("""{"channel":"http.bad","data":1}"""u8.ToArray(), contentType)).AssertProblem(415, NotJson);
        await AssertNothingPublished();
    }

    [Fact]
    public async Task No_content_type_and_a_compressed_body_are_415()
    {
        var body = """{"channel":"http.bad","data":1}""";
        var request = $"POST /api/events HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\nContent-Length: {body.Length}\r\n\r\n{body}";
        (await RawSocket.Http(Server.Port, Encoding.ASCII.GetBytes(request))).AssertProblem(415, NotJson);
        (await Post(Encoding.UTF8.GetBytes(body), "application/json", ("Content-Encoding", "gzip"))).AssertProblem(415, NotJson);
        await AssertNothingPublished();
    }

    [Theory]
    [InlineData("application/json;charset=UTF-8")]
    [InlineData("Application/JSON; charset=\"utf-8\"")]
    public async Task Other_spellings_of_json_are_accepted(string contentType) =>
        Assert.Equal(202, (await Post(Event("http.spelling", "1"), contentType)).Status);

    [Fact]
    public async Task A_wrong_idempotency_key_is_400()
    {
        var body = """{"channel":"http.bad","data":1}"""u8.ToArray();
        (await Post(body, "application/json", ("Idempotency-Key", new string('k', 256)))).AssertProblem(400, "Idempotency-Key has text of 256 characters; it takes 1 to 255.", "Idempotency-Key");
        (await Post(body, "application/json", ("Idempotency-Key", ""))).AssertProblem(400, "Send one Idempotency-Key that is not empty, or none.", "Idempotency-Key");
        (await Post("""{"channel":"http.bad","data":1,"idempotencyKey":"a"}"""u8.ToArray(), "application/json", ("Idempotency-Key", "b")))
            .AssertProblem(400, "\"idempotencyKey\" and the header Idempotency-Key differ; send one of them.", "idempotencyKey");
        await AssertNothingPublished();
    }

    [Theory]
    [InlineData("PUT", "/api/events", 405)]
    [InlineData("GET", "/api/events", 405)]
    [InlineData("POST", "/api/stats", 405)]
    [InlineData("GET", "/api/nothing", 404)]
    [InlineData("GET", "/api/channels/a/nothing", 404)]
    [InlineData("DELETE", "/api/connections/nonsense", 400)]
    [InlineData("DELETE", "/api/connections/0a1b2c3d-42", 404)]
    [InlineData("POST", "/api/users/a%20b/disconnect", 400)]
    public async Task What_there_is_not_is_answered_with_a_problem(string method, string path, int status)
    {
        var request = $"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\nContent-Length: 0\r\n\r\n";
        var response = await RawSocket.Http(Server.Port, Encoding.ASCII.GetBytes(request));
        response.AssertProblem(status, "…", status == 400 ? path.Split('/')[2] == "users" ? "user" : "id" : null);
    }

    private static byte[] Event(string channel, string data) => Encoding.UTF8.GetBytes($$"""{"channel":"{{channel}}","data":{{data}}}""");

    private Task<RawResponse> Post(byte[] body, string contentType = "application/json", params (string Name, string Value)[] headers) =>
        RawSocket.Post(Server.Port, "/api/events", body, contentType, headers);

    private Task<RawResponse> PostChunked(byte[] body) => RawSocket.Http(
        Server.Port,
        (byte[])[
            .. Encoding.ASCII.GetBytes($"POST /api/events HTTP/1.1\r\nHost: 127.0.0.1:{Server.Port}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{body.Length:x}\r\n"),
            .. body, .. "\r\n0\r\n\r\n"u8]);

    private async Task AssertNothingPublished()
    {
        var (_, channel) = await Server.Http.Get("/api/channels/http.bad");
        Assert.True(channel.GetProperty("offset").GetInt64() == 0, channel.GetRawText());
    }
}
