using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Api;

/// <summary>Publishing over HTTP, against a real server.</summary>
public sealed class PublishApiTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async Task InitializeAsync() => _server = await RunningServer.StartAsync();

    public async Task DisposeAsync()
    {
        Assert.Empty(_server.Log.Errors);
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_repeat_with_the_same_key_gets_the_same_answer_and_other_content_is_refused()
    {
        var (_, first) = await _server.Http.Post("/api/events", """{"channel":"keys","data":1}""", idempotencyKey: "k1");
        var (again, second) = await _server.Http.Post("/api/events", """{"channel":"keys","data":1}""", idempotencyKey: "k1");
        var (status, problem) = await _server.Http.Post("/api/events", """{"channel":"keys","data":2}""", idempotencyKey: "k1");

        Assert.Equal(202, again);
        Assert.Equal(first.ToString(), second.ToString());
        Assert.Equal(422, status);
        Assert.Equal("idempotencyKey", problem.GetProperty("field").GetString());
        Assert.Equal(1, (await History("keys")).GetProperty("offset").GetInt32());
    }

    [Theory]
    [InlineData("application/json; charset=utf-8", 202)]
    [InlineData("Application/JSON;charset=\"UTF-8\"", 202)]
    [InlineData("application/json; charset=iso-8859-1", 415)]
    [InlineData("text/plain", 415)]
    [InlineData("application/x-ndjson", 415)]
    [InlineData("application/x-www-form-urlencoded", 415)]
    [InlineData(null, 415)]
    public async Task Only_json_in_utf8_is_taken(string? contentType, int status)
    {
        var (answered, problem) = await Send("/api/events", """{"channel":"types","data":1}"""u8.ToArray(), contentType);
        Assert.Equal(status, answered);
        if (status != 202)
            Assert.Contains("application/json", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_compressed_body_is_refused()
    {
        using var content = new ByteArrayContent([1, 2, 3]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        content.Headers.ContentEncoding.Add("gzip");
        using var response = await _server.Http.PostAsync(new Uri("/api/events", UriKind.Relative), content);
        Assert.Equal(HttpStatusCode.UnsupportedMediaType, response.StatusCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_body_may_have_64_kib_and_not_one_byte_more(bool chunked)
    {
        Assert.Equal(202, (await Send("/api/events", Body(65536), "application/json", chunked)).Status);
        var (status, problem) = await Send("/api/events", Body(65537), "application/json", chunked);
        Assert.Equal(413, status);
        Assert.Contains("65536", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(1, (await History("large")).GetProperty("offset").GetInt32());

        static byte[] Body(int length)
        {
            var empty = """{"channel":"large","data":""}""".Length;
            return Encoding.UTF8.GetBytes($$"""{"channel":"large","data":"{{new string('x', length - empty)}}"}""");
        }
    }

    [Fact]
    public async Task A_wrong_body_gets_a_problem_that_names_field_and_reason()
    {
        using var response = await _server.Http.PostAsync(new Uri("/api/events", UriKind.Relative), new StringContent("""{"channel":"a b","data":1}""", Encoding.UTF8, "application/json"));
        Assert.Equal((HttpStatusCode.BadRequest, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        var problem = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal((400, "channel"), (problem.GetProperty("status").GetInt32(), problem.GetProperty("field").GetString()));
        Assert.Contains("Invalid channel", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal(400, (await _server.Http.Post("/api/events", """{"channel":"nowhere:x","data":1}""")).Status);
        Assert.Equal(400, (await _server.Http.Post("/api/events", """{"channel":"a","data":1}""", idempotencyKey: new string('k', 256))).Status);
        Assert.Equal(400, (await _server.Http.Post("/api/events", "")).Status);
        Assert.Empty((await _server.Http.Get("/api/channels")).Body.GetProperty("channels").EnumerateArray());
    }

    [Fact]
    public async Task What_was_published_is_kept_byte_for_byte()
    {
        const string Data = """{ "b" : 1.50, "a":"\u0041ü", "id":"mine" }""";
        await _server.Http.Post("/api/events", $$"""{"channel":"bytes","data":{{Data}},"event":"e","tags":["t"]}""");
        var text = await _server.Http.GetStringAsync(new Uri("/api/channels/bytes/history", UriKind.Relative));
        Assert.Contains(Data[1..], text, StringComparison.Ordinal);
        var publication = JsonDocument.Parse(text).RootElement.GetProperty("publications")[0];
        Assert.Equal(("e", "t"), (publication.GetProperty("event").GetString(), publication.GetProperty("tags")[0].GetString()));
    }

    [Theory]
    [InlineData("application/json", "[{0}]", ",")]
    [InlineData("application/x-ndjson", "{0}", "\n\n")]
    public async Task In_a_batch_every_item_has_its_own_result_in_order(string contentType, string frame, string separator)
    {
        string[] items =
        [
            """{"channel":"batch","data":{"n":1}}""",
            """{"channel":"batch"}""",
            """{"channel":"batch","data":{"n":2},"idempotencyKey":"twice"}""",
            """{"channel":"batch","data":{"a":1,"a":2}}""",
            $$"""{"channel":"batch","data":"{{new string('x', 65536)}}"}""",
            """{"channel":"nowhere:x","data":1}""",
            """{"channel":"batch","data":{"n":3},"idempotencyKey":"twice"}""",
            """{"type":"broadcast","data":null}""",
            """{"channel":"batch","data":{"n":4}}""",
        ];
        var body = frame.Replace("{0}", string.Join(separator, items), StringComparison.Ordinal);

        var (status, results) = await _server.Http.Post("/api/events/batch", body, contentType);

        Assert.Equal(200, status);
        Assert.Equal([202, 400, 202, 400, 413, 400, 422, 202, 202], results.EnumerateArray().Select(r => r.GetProperty("status").GetInt32()));
        Assert.Equal([1, 2, 3], results.EnumerateArray().Where(r => r.TryGetProperty("channel", out var c) && c.GetString() == "batch").Select(r => r.GetProperty("offset").GetInt32()));
        Assert.Equal("data", results[1].GetProperty("error").GetProperty("field").GetString());
        var kept = (await History("batch")).GetProperty("publications").EnumerateArray().ToList();
        Assert.Equal([1, 2, 4], kept.Numbers());
    }

    [Fact]
    public async Task A_broken_line_fails_alone_and_a_broken_array_whole()
    {
        var (_, results) = await _server.Http.Post("/api/events/batch", "{\"channel\":\"l\",\"data\":1}\n{\"channel\"\n", "application/x-ndjson");
        Assert.Equal([202, 400], results.EnumerateArray().Select(r => r.GetProperty("status").GetInt32()));
        Assert.Equal(400, (await _server.Http.Post("/api/events/batch", "[{\"channel\":\"l\",\"data\":1},{\"channel\"]")).Status);
        Assert.Equal(1, (await History("l")).GetProperty("offset").GetInt32());
    }

    [Fact]
    public async Task Batches_that_are_empty_or_too_large_or_keyed_as_a_whole_are_refused()
    {
        Assert.Equal(400, (await _server.Http.Post("/api/events/batch", "[]")).Status);
        Assert.Equal(400, (await _server.Http.Post("/api/events/batch", "\n \n", "application/x-ndjson")).Status);
        Assert.Equal(413, (await _server.Http.Post("/api/events/batch", $"[{string.Join(',', Enumerable.Repeat("1", 101))}]")).Status);
        Assert.Equal(413, (await _server.Http.Post("/api/events/batch", $"[\"{new string('x', 1 << 20)}\"]")).Status);
        Assert.Equal(415, (await _server.Http.Post("/api/events/batch", "[]", "text/plain")).Status);
        Assert.Equal(400, (await _server.Http.Post("/api/events/batch", """[{"channel":"a","data":1}]""", idempotencyKey: "k")).Status);
    }

    private async Task<JsonElement> History(string channel) => (await _server.Http.Get($"/api/channels/{channel}/history")).Body;

    private async Task<(int Status, JsonElement Body)> Send(string path, byte[] body, string? contentType, bool chunked = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new ByteArrayContent(body) };
        if (contentType is not null)
            request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        request.Headers.TransferEncodingChunked = chunked;
        using var response = await _server.Http.SendAsync(request);
        return ((int)response.StatusCode, JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement);
    }
}
