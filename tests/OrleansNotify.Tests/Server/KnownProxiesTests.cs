using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Server;

/// <summary>What proxies say about clients, over a real socket from 127.0.0.1.</summary>
public sealed class KnownProxiesTests
{
    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.0/8")]
    public async Task A_known_proxy_is_believed(string proxy)
    {
        await using var server = await Behind.StartAsync(proxy);
        Assert.Equal("https notify.example.com 203.0.113.7", await server.Who(("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "notify.example.com")));
        // Its own page by the name and scheme the browser sees, and nobody else's.
        Assert.Equal(HttpStatusCode.Accepted, await server.Publish("https://notify.example.com"));
        Assert.Equal(HttpStatusCode.Forbidden, await server.Publish("https://evil.example"));
        Assert.Equal(HttpStatusCode.Forbidden, await server.Publish("http://notify.example.com"));
    }

    [Theory]
    [InlineData("10.0.0.5")]
    [InlineData(null)]
    public async Task Anybody_else_is_not(string? proxy)
    {
        await using var server = await Behind.StartAsync(proxy);
        Assert.Equal($"http 127.0.0.1:{server.Port} 127.0.0.1", await server.Who(("X-Forwarded-For", "203.0.113.7"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "notify.example.com")));
        Assert.Equal(HttpStatusCode.Forbidden, await server.Publish("https://notify.example.com"));
        Assert.Equal(HttpStatusCode.Accepted, await server.Publish($"http://127.0.0.1:{server.Port}"));
    }

    [Theory]
    [InlineData("6.6.6.6, 203.0.113.7", "203.0.113.7")] // the client made up the first one
    [InlineData("6.6.6.6, 203.0.113.7, 10.1.2.3", "203.0.113.7")] // through two proxies of ours
    public async Task The_client_is_the_last_address_that_no_proxy_of_ours_has(string forwarded, string remote)
    {
        await using var server = await Behind.StartAsync("127.0.0.1", "10.0.0.0/8");
        Assert.EndsWith($" {remote}", await server.Who(("X-Forwarded-For", forwarded)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("10.0.0.300")]
    [InlineData("proxy.example.com")]
    [InlineData("10.0.0.0/33")]
    [InlineData("")]
    public async Task What_is_no_address_ends_the_start(string proxy)
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => Behind.StartAsync("10.0.0.1", proxy));
        Assert.Equal($"Notify:Security:KnownProxies:1 ('{proxy}') must be an IP address or a network, such as 10.0.0.5 or 10.0.0.0/24.", StartFailure.Describe(refused));
    }

    private sealed class Behind : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly HttpClient _http;

        private Behind(WebApplication app) => (_app, _http) = (app, new HttpClient { BaseAddress = new Uri(app.Urls.First()) });

        public int Port => _http.BaseAddress!.Port;

        public static async Task<Behind> StartAsync(params string?[] proxies)
        {
            var settings = new Dictionary<string, string?>
            {
                ["urls"] = "http://127.0.0.1:0",
                ["Notify:Cluster:SiloPort"] = $"{Ports.Free()}",
                ["Notify:Cluster:GatewayPort"] = $"{Ports.Free()}",
                ["Notify:WarmUp:Requests"] = "0",
                ["Notify:Security:AllowedHosts:0"] = "notify.example.com",
                ["Notify:Security:AllowedHosts:1"] = "127.0.0.1",
            };
            for (var i = 0; i < proxies.Length; i++)
            {
                if (proxies[i] is { } proxy)
                    settings[$"Notify:Security:KnownProxies:{i}"] = proxy;
            }
            var app = NotifyServer.Build([], builder => builder.Configuration.AddInMemoryCollection(settings));
            app.MapGet("/who", (HttpContext context) => $"{context.Request.Scheme} {context.Request.Host} {context.Connection.RemoteIpAddress}");
            await NotifyServer.StartAsync(app);
            return new Behind(app);
        }

        public async Task<string> Who(params (string Name, string Value)[] headers)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/who");
            foreach (var (name, value) in headers)
                request.Headers.Add(name, value);
            using var reply = await _http.SendAsync(request);
            return await reply.Content.ReadAsStringAsync();
        }

        // From a page at `origin`, through a proxy that speaks https as notify.example.com.
        public async Task<HttpStatusCode> Publish(string origin)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, "/api/events")
            {
                Content = new StringContent("""{"channel":"behind","data":1}""", Encoding.UTF8, "application/json"),
            };
            request.Headers.Add("Origin", origin);
            request.Headers.Add("X-Forwarded-Proto", "https");
            request.Headers.Add("X-Forwarded-Host", "notify.example.com");
            using var reply = await _http.SendAsync(request);
            return reply.StatusCode;
        }

        public async ValueTask DisposeAsync()
        {
            _http.Dispose();
            await _app.StopAsync();
            await _app.DisposeAsync();
        }
    }
}
