using System.Text;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Bodies of <c>POST /api/events/batch</c>: what is no batch is refused as a whole, a bad item alone.</summary>
public sealed class HttpBatchTests(BadInputServer server) : BadInputTest(server)
{
    private const string NotArray = "A batch must be a JSON array of events, or application/x-ndjson with one event a line.";

    [Theory]
    [InlineData("[]", "The batch is empty; send at least one event.")]
    [InlineData("""{"channel":"batch.bad","data":1}""", NotArray)]
    [InlineData("null", NotArray)]
    [InlineData("", "Invalid JSON: …")]
    [InlineData("[", "Invalid JSON: the array is broken …")]
    [InlineData("""[{"channel":"batch.bad","data":1}""", "Invalid JSON: the array is broken …")]
    [InlineData("""[{"channel":"batch.bad","data":1}] x""", "Invalid JSON: the array is broken …")]
    [InlineData("""[{"channel":"batch.bad","data":1} {"channel":"batch.bad","data":2}]""", "Invalid JSON: the array is broken …")]
    public async Task What_is_no_batch_is_400_and_publishes_nothing(string body, string detail)
    {
        (await Post(body)).AssertProblem(400, detail);
        Assert.Equal(0, (await Server.Http.Get("/api/channels/batch.bad")).Body.GetProperty("offset").GetInt64());
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\r\n  \n")]
    public async Task Lines_without_an_event_are_400(string body) =>
        (await Post(body, "application/x-ndjson")).AssertProblem(400, "The batch is empty; send at least one event.");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_batch_may_have_100_items_and_not_one_more(bool lines)
    {
        var channel = $"batch.items.{lines}";
        Assert.Equal(200, (await Items(100)).Status);
        (await Items(101)).AssertProblem(413, "A batch may have at most 100 events.");
        Assert.Equal(101, (await Server.Http.Publish(channel, "1")).GetProperty("offset").GetInt32());

        Task<RawResponse> Items(int count)
        {
            var items = Enumerable.Repeat($$"""{"channel":"{{channel}}","data":1}""", count);
            return lines ? Post(string.Join('\n', items), "application/x-ndjson") : Post($"[{string.Join(',', items)}]");
        }
    }

    [Fact]
    public async Task A_batch_may_have_1_MiB_and_not_a_byte_more()
    {
        const string item = """[{"channel":"batch.large","data":1}""";
        var allowed = item + new string(' ', (1 << 20) - item.Length - 1) + "]";
        Assert.Equal(200, (await Post(allowed)).Status);
        (await Post(allowed + " ")).AssertProblem(413, "A batch may have at most 1048576 bytes.");
        Assert.Equal(2, (await Server.Http.Publish("batch.large", "1")).GetProperty("offset").GetInt32());
    }

    [Fact]
    public async Task A_wrong_content_type_is_415()
    {
        var body = """[{"channel":"batch.bad","data":1}]""";
        const string detail = "Send Content-Type: application/json (an array) or application/x-ndjson, UTF-8, without Content-Encoding.";
        (await Post(body, "text/plain")).AssertProblem(415, detail);
        (await Post(body, "application/json", ("Content-Encoding", "br"))).AssertProblem(415, detail);
    }

    [Fact]
    public async Task The_header_idempotency_key_is_refused_on_a_batch() =>
        (await Post("""[{"channel":"batch.bad","data":1}]""", "application/json", ("Idempotency-Key", "k")))
            .AssertProblem(400, "A batch takes an \"idempotencyKey\" in each item, not the header.", "Idempotency-Key");

    public static TheoryData<byte[], int, string, string?> BadItems
    {
        get
        {
            var large = new string('x', 64 << 10);
            return new()
            {
                { "7"u8.ToArray(), 400, "An event must be one JSON object, such as …", null },
                { "{}"u8.ToArray(), 400, "\"channel\" is missing; name a channel, or send a type: user, broadcast or system.", "channel" },
                { """{"channel":"batch..x","data":1}"""u8.ToArray(), 400, "Invalid channel: a level between two '.' is empty; remove one '.'.", "channel" },
                { """{"channel":"@system","data":1}"""u8.ToArray(), 400, "@system is not published to by name; send \"type\":\"system\" without channel.", "channel" },
                { """{"channel":"nowhere:x","data":1}"""u8.ToArray(), 400, "Unknown namespace 'nowhere'; …", "channel" },
                { """{"channel":"batch.x","data":{"a":1,"a":2}}"""u8.ToArray(), 400, "Invalid JSON: the key \"a\" stands twice in one object …", null },
                { """{"channel":"batch.x","data":"\ud800"}"""u8.ToArray(), 400, "Invalid JSON: a \\u escape of half a surrogate pair …", null },
                { [.. "{\"channel\":\"batch.x\",\"data\":\""u8, 0xFF, .. "\"}"u8], 400, "Invalid JSON: not valid UTF-8 (byte 29).", null },
                { Encoding.ASCII.GetBytes($$"""{"channel":"batch.x","data":{{new string('[', 33)}}{{new string(']', 33)}}}"""), 400, "Invalid JSON: nested deeper than 33 levels …", null },
                { Encoding.ASCII.GetBytes($$"""{"channel":"batch.x","data":{{new string('[', 2000)}}{{new string(']', 2000)}}}"""), 400, "Invalid JSON: nested deeper than 33 levels …", null },
                { Encoding.ASCII.GetBytes($$"""{"channel":"batch.x","data":"{{large}}"}"""), 413, "An event may have at most 65536 bytes.", null },
            };
        }
    }

    [Theory]
    [MemberData(nameof(BadItems))]
    public async Task A_bad_item_fails_alone_and_the_others_keep_their_order(byte[] bad, int status, string detail, string? field)
    {
        foreach (var lines in new[] { false, true })
        {
            var channel = $"batch.{Guid.NewGuid():n}";
            var first = Encoding.ASCII.GetBytes($$"""{"channel":"{{channel}}","data":1}""");
            var last = Encoding.ASCII.GetBytes($$"""{"channel":"{{channel}}","data":2}""");
            byte[] body = lines ? [.. first, (byte)'\n', .. bad, (byte)'\n', .. last] : [(byte)'[', .. first, (byte)',', .. bad, (byte)',', .. last, (byte)']'];

            var response = await RawSocket.Post(Server.Port, "/api/events/batch", body, lines ? "application/x-ndjson" : "application/json");

            Assert.True(response.Status == 200, response.Body);
            var results = Answers.Parse(response.Body).EnumerateArray().ToList();
            Assert.Equal([202, status, 202], results.Select(result => result.GetProperty("status").GetInt32()));
            Assert.Equal((1, 2), (results[0].GetProperty("offset").GetInt32(), results[2].GetProperty("offset").GetInt32()));
            var error = results[1].GetProperty("error");
            Answers.AssertSentence(detail, error.GetProperty("detail").GetString()!);
            Assert.Equal(field, error.TryGetProperty("field", out var named) ? named.GetString() : null);
        }
    }

    [Fact]
    public async Task A_line_that_is_not_json_fails_alone()
    {
        var response = await Post("{\"channel\":\"batch.lines\",\"data\":1}\r\nhello\r\n\r\n{\"channel\":\"batch.lines\",\n{\"channel\":\"batch.lines\",\"data\":2}", "application/x-ndjson");
        Assert.Equal([202, 400, 400, 202], Answers.Parse(response.Body).EnumerateArray().Select(result => result.GetProperty("status").GetInt32()));
    }

    [Fact]
    public async Task A_key_used_again_for_other_content_fails_alone_with_422()
    {
        var response = await Post("""[{"channel":"batch.key","data":1,"idempotencyKey":"k"},{"channel":"batch.key","data":2,"idempotencyKey":"k"},{"channel":"batch.key","data":1,"idempotencyKey":"k"}]""");
        var results = Answers.Parse(response.Body).EnumerateArray().ToList();
        Assert.Equal([202, 422, 202], results.Select(result => result.GetProperty("status").GetInt32()));
        Assert.Equal(results[0].GetProperty("id").GetString(), results[2].GetProperty("id").GetString());
    }

    private Task<RawResponse> Post(string body, string contentType = "application/json", params (string Name, string Value)[] headers) =>
        RawSocket.Post(Server.Port, "/api/events/batch", Encoding.UTF8.GetBytes(body), contentType, headers);
}
