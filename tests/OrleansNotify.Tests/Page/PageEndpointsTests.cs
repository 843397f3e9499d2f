using System.Net;
using OrleansNotify.Server.Page;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Page;

public sealed class PageEndpointsTests : IAsyncLifetime, IDisposable
{
    private readonly HttpClient _http = new();
    private ScriptedServer _server = null!;

    public async Task InitializeAsync()
    {
        _server = await ScriptedServer.StartAsync(app => app.MapPage());
        _http.BaseAddress = _server.BaseAddress;
    }

    public async Task DisposeAsync() => await _server.DisposeAsync();

    public void Dispose() => _http.Dispose();

    [Theory]
    [InlineData("/", "text/html; charset=utf-8")]
    [InlineData("/page/app.js", "text/javascript; charset=utf-8")]
    [InlineData("/page/notify.js", "text/javascript; charset=utf-8")]
    [InlineData("/page/style.css", "text/css; charset=utf-8")]
    [InlineData("/page/favicon.svg", "image/svg+xml")]
    public async Task Each_file_comes_with_its_type_and_may_not_be_sniffed_or_framed(string path, string contentType)
    {
        using var reply = await _http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        Assert.Equal(contentType, reply.Content.Headers.ContentType?.ToString());
        Assert.Equal("nosniff", reply.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("no-referrer", reply.Headers.GetValues("Referrer-Policy").Single());
        var policy = reply.Headers.GetValues("Content-Security-Policy").Single();
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("http", policy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_browser_that_has_the_file_gets_304_and_one_with_another_version_gets_the_file()
    {
        using var first = await _http.GetAsync(new Uri("/", UriKind.Relative));
        var tag = first.Headers.ETag!;
        Assert.False(tag.IsWeak);
        Assert.True(first.Headers.CacheControl!.NoCache);

        using var again = await Get("/", tag.ToString());
        using var other = await Get("/", "\"another\"");

        Assert.Equal(HttpStatusCode.NotModified, again.StatusCode);
        Assert.Equal("", await again.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
    }

    [Fact]
    public async Task HEAD_gives_the_length_without_the_page()
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, "/");
        using var reply = await _http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, reply.StatusCode);
        Assert.True(reply.Content.Headers.ContentLength > 1_000);
        Assert.Equal("", await reply.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/page/package.json")]
    [InlineData("/page/index.html")]
    [InlineData("/page/..%2findex.html")]
    [InlineData("/page/")]
    public async Task Nothing_else_is_served(string path)
    {
        using var reply = await _http.GetAsync(new Uri(path, UriKind.Relative));

        Assert.Equal(HttpStatusCode.NotFound, reply.StatusCode);
    }

    [Fact]
    public async Task The_page_names_no_other_server_and_has_no_inline_script_or_style()
    {
        var html = await _http.GetStringAsync(new Uri("/", UriKind.Relative));

        Assert.DoesNotContain("//", html, StringComparison.Ordinal); // no absolute address anywhere
        Assert.DoesNotContain("<style", html, StringComparison.Ordinal);
        Assert.DoesNotContain("style=\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("onclick", html, StringComparison.Ordinal);
        Assert.Equal(html.Split("<script").Length, html.Split("<script type=\"module\" src=\"page/").Length);
    }

    private async Task<HttpResponseMessage> Get(string path, string ifNoneMatch)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation("If-None-Match", ifNoneMatch);
        return await _http.SendAsync(request);
    }
}
