using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using OrleansNotify.AspNetCore.Security;

namespace OrleansNotify.Tests.Security;

public sealed class SecurityTests
{
    [Theory]
    [InlineData("http", "localhost:3000", "http://localhost:3000")]
    [InlineData("http", "localhost:3000", "HTTP://LOCALHOST:3000")]
    [InlineData("http", "example.com", "http://example.com")]
    [InlineData("http", "example.com:80", "http://example.com")]
    [InlineData("https", "example.com:443", "https://example.com")]
    [InlineData("http", "[::1]:3000", "http://[::1]:3000")]
    [InlineData("http", "localhost:3000", "https://app.example.com")] // allowed by name
    public async Task Its_own_origin_and_those_allowed_pass(string scheme, string host, string origin) =>
        Assert.Null(await Refusal(scheme, host, "POST", ("Origin", origin)));

    [Theory]
    [InlineData("http", "localhost:3000", "http://localhost:3001")]
    [InlineData("http", "localhost:3000", "http://localhost")]
    [InlineData("http", "localhost:3000", "https://localhost:3000")]
    [InlineData("http", "localhost:3000", "http://127.0.0.1:3000")]
    [InlineData("http", "localhost:3000", "http://localhost:30000")]
    [InlineData("http", "localhost:3000", "http://evil.example")]
    [InlineData("http", "localhost:3000", "http://localhost:3000.evil.example")]
    [InlineData("http", "localhost:3000", "null")]
    [InlineData("http", "localhost:3000", "")]
    [InlineData("http", "localhost:3000", "http://")]
    [InlineData("http", "localhost:3000", "https://app.example.com.evil.example")]
    [InlineData("https", "example.com:80", "https://example.com")]
    public async Task Any_other_origin_is_refused_whatever_the_method(string scheme, string host, string origin)
    {
        Assert.Equal(403, await Refusal(scheme, host, "GET", ("Origin", origin)));
        Assert.Equal(403, await Refusal(scheme, host, "POST", ("Origin", origin)));
    }

    [Fact]
    public async Task Two_origins_are_refused() => Assert.Equal(403, await Refusal("http", "a", "GET", ("Origin", "http://a"), ("Origin", "http://a")));

    [Theory]
    [InlineData("GET", null)]
    [InlineData("POST", null)]
    [InlineData("DELETE", null)]
    public async Task Clients_that_are_no_browser_pass(string method, string? fetchSite) =>
        Assert.Null(await Refusal("http", "a", method, fetchSite is null ? [] : [("Sec-Fetch-Site", fetchSite)]));

    [Theory]
    [InlineData("POST", "cross-site", 403)]
    [InlineData("DELETE", "cross-site", 403)]
    [InlineData("GET", "cross-site", null)]
    [InlineData("POST", "same-origin", null)]
    [InlineData("POST", "none", null)]
    public async Task A_page_of_another_site_changes_nothing_even_without_origin(string method, string fetchSite, int? refusal) =>
        Assert.Equal(refusal, await Refusal("http", "a", method, ("Sec-Fetch-Site", fetchSite)));

    [Fact]
    public async Task An_allowed_origin_gets_what_its_browser_asks_for()
    {
        var context = Context("http", "a", "OPTIONS", ("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST"));
        Assert.False(Guard().Passes(context, out var answered));
        await answered;
        Assert.Equal(204, context.Response.StatusCode);
        Assert.Equal("https://app.example.com", context.Response.Headers.AccessControlAllowOrigin);
        Assert.Contains("Content-Type", context.Response.Headers.AccessControlAllowHeaders.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://app.example.com", true)]
    [InlineData("http://localhost:8080", true)]
    [InlineData("https://app.example.com/", false)]
    [InlineData("https://app.example.com:443", false)]
    [InlineData("https://App.example.com", false)]
    [InlineData("app.example.com", false)]
    [InlineData("*", false)]
    [InlineData("null", false)]
    [InlineData("https://u@app.example.com", false)]
    [InlineData("ftp://app.example.com", false)]
    public void An_origin_that_no_browser_sends_is_refused_at_start(string origin, bool valid)
    {
        var result = new SecurityOptionsCheck().Validate(null, new SecurityOptions { AllowedOrigins = ["https://fine.example", origin] });
        Assert.Equal(valid, result.Succeeded);
        if (!valid)
            Assert.Contains("Notify:Security:AllowedOrigins:1", result.FailureMessage, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("notify.example.com", true)]
    [InlineData("[::1]", true)]
    [InlineData("10.0.0.1", true)]
    [InlineData("notify.example.com:80", false)]
    [InlineData("http://notify.example.com", false)]
    [InlineData("", false)]
    public void A_host_name_is_a_name_or_address_without_port(string host, bool valid) =>
        Assert.Equal(valid, new SecurityOptionsCheck().Validate(null, new SecurityOptions { AllowedHosts = [host] }).Succeeded);

    [Theory]
    [InlineData("http://127.0.0.1:3000", "localhost:3000", true)]
    [InlineData("http://localhost:3000", "LOCALHOST", true)]
    [InlineData("http://localhost:3000", "127.0.0.1:3000", true)]
    [InlineData("http://[::1]:3000", "[::1]:3000", true)]
    [InlineData("http://[::1]:3000", "[::1]", true)]
    [InlineData("http://127.0.0.1:3000", "evil.example:3000", false)]
    [InlineData("http://127.0.0.1:3000", "localhost.evil.example", false)]
    [InlineData("http://127.0.0.1:3000", "127.0.0.2", false)]
    [InlineData("http://127.0.0.1:3000", "", true)]
    [InlineData("http://*:3000", "anything.example", true)]
    [InlineData("http://0.0.0.0:3000", "anything.example", true)]
    [InlineData("http://127.0.0.1:3000;http://10.0.0.1:3000", "anything.example", true)]
    public void A_server_on_loopback_is_called_by_names_of_loopback_only(string addresses, string host, bool passes) =>
        Assert.Equal(passes, HostGuardOf(addresses).Passes(Context("http", host, "GET").Request));

    [Fact]
    public void Configured_names_replace_the_rule()
    {
        var guard = HostGuardOf("http://*:80", "notify.example.com", "::1");
        Assert.True(guard.Passes(Context("http", "Notify.example.com:80", "GET").Request));
        Assert.True(guard.Passes(Context("http", "[::1]:80", "GET").Request));
        Assert.False(guard.Passes(Context("http", "localhost", "GET").Request));
    }

    private static HostGuard HostGuardOf(string addresses, params string[] allowed)
    {
        var server = new AddressedServer();
        foreach (var address in addresses.Split(';'))
            server.Addresses.Add(address);
        return new HostGuard(Options.Create(new SecurityOptions { AllowedHosts = allowed }), server);
    }

    private static OriginGuard Guard() => new(Options.Create(new SecurityOptions { AllowedOrigins = ["https://app.example.com"] }));

    private static async Task<int?> Refusal(string scheme, string host, string method, params (string Name, string Value)[] headers)
    {
        var context = Context(scheme, host, method, headers);
        if (Guard().Passes(context, out var answered))
            return null;
        await answered;
        return context.Response.StatusCode;
    }

    private static DefaultHttpContext Context(string scheme, string host, string method, params (string Name, string Value)[] headers)
    {
        var context = new DefaultHttpContext { RequestServices = new ServiceCollection().AddLogging().BuildServiceProvider() };
        context.Request.Scheme = scheme;
        context.Request.Host = new HostString(host);
        context.Request.Method = method;
        foreach (var (name, value) in headers)
            context.Request.Headers[name] = StringValues.Concat(context.Request.Headers[name], value); // Append would drop an empty one
        return context;
    }
}
