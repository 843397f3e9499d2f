using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Transports.WebSocket;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using OrleansNotify.Tests.Webhooks;

namespace OrleansNotify.Tests.Server;

/// <summary>A server asks itself before it is ready.</summary>
public sealed class WarmUpTests
{
    [Fact]
    public async Task As_many_requests_as_are_set_are_answered_each_over_a_connection_of_its_own()
    {
        var visits = new Visits();
        await using var server = await RunningServer.StartAsync(
            new() { ["Notify:WarmUp:Requests"] = "60", ["Notify:Security:AllowedHosts:0"] = "notify.example.com" }, visits.Watch);
        string[] asked = ["GET /ws 101", "POST /api/events 400"];
        Assert.Equal(Enumerable.Range(0, 60).Select(i => asked[i % 2]), visits.Seen.Select(visit => visit.Answer));
        Assert.Equal(60, visits.Seen.Select(visit => visit.Connection).Distinct().Count());
    }

    [Fact]
    public async Task Until_it_is_over_the_server_is_not_ready_but_serves()
    {
        var visits = new Visits { Gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) };
        var starting = RunningServer.StartAsync(new() { ["Notify:WarmUp:Requests"] = "1" }, visits.Watch);
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{await visits.Port}") };

        var (status, health) = await http.Get("/health/ready");
        Assert.Equal(503, status);
        Assert.Equal("the server runs itself in, for at most 5 s", health.GetProperty("checks").GetProperty("warm_up").GetString());
        Assert.Equal(200, (await http.Get("/api/stats")).Status);
        Assert.False(starting.IsCompleted);

        visits.Gate.SetResult();
        await using var server = await starting;
        Assert.Equal(200, (await http.Get("/health/ready")).Status);
    }

    [Fact]
    public async Task A_session_of_the_servers_own_is_counted_listed_and_reported_nowhere()
    {
        await using var receiver = await WebhookReceiver.StartAsync();
        await using var server = await RunningServer.StartAsync(receiver.Settings());
        var key = server.Services.GetRequiredService<OwnHandshakes>().Key;
        var counts = server.Services.GetRequiredService<SubscriptionCounts>();
        await using var own = await Connect(server, key);
        await own.Ping();
        Assert.Equal((0, 0), (counts.Connections, await Listed(server)));

        await using var other = await Connect(server, key[1..]);
        await other.Ping();
        Assert.Equal((1, 1), (counts.Connections, await Listed(server)));

        await own.CloseAsync();
        await own.Ended;
        Assert.Equal((1, 1), (counts.Connections, await Listed(server)));
        await other.CloseAsync();
        await receiver.Has("connected", "disconnected");
    }

    [Fact]
    public async Task Without_requests_nothing_is_asked_and_the_server_is_ready_at_once()
    {
        var warmUp = New(0);
        Assert.Equal(HealthStatus.Healthy, await Health(warmUp));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await warmUp.RunAsync([$"http://{listener.LocalEndpoint}"], CancellationToken.None);
        Assert.False(listener.Pending());
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_ready_after_five_seconds()
    {
        var time = new FakeTimeProvider();
        var warmUp = New(10, time);
        Assert.Equal(HealthStatus.Unhealthy, await Health(warmUp));
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var running = warmUp.RunAsync([$"http://{listener.LocalEndpoint}"], CancellationToken.None);
        using var asked = await listener.AcceptTcpClientAsync();

        time.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(running.IsCompleted);
        Assert.Equal(HealthStatus.Unhealthy, await Health(warmUp));

        time.Advance(TimeSpan.FromSeconds(0.1));
        await running.WaitAsync(Until.DefaultTimeout);
        Assert.Equal(HealthStatus.Healthy, await Health(warmUp));
    }

    [Fact]
    public async Task A_stop_ends_it()
    {
        var warmUp = New(10, new FakeTimeProvider()); // its patience never ends
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var stopping = new CancellationTokenSource();
        var running = warmUp.RunAsync([$"http://{listener.LocalEndpoint}"], stopping.Token);
        using var asked = await listener.AcceptTcpClientAsync();
        await stopping.CancelAsync();
        await running.WaitAsync(Until.DefaultTimeout);
    }

    [Fact]
    public async Task A_server_that_cannot_be_asked_is_ready()
    {
        var warmUp = New(10);
        await warmUp.RunAsync([$"http://127.0.0.1:{Ports.Free()}"], CancellationToken.None).WaitAsync(Until.DefaultTimeout);
        Assert.Equal(HealthStatus.Healthy, await Health(warmUp));

        warmUp = New(10);
        await warmUp.RunAsync(["https://127.0.0.1:443"], CancellationToken.None);
        Assert.Equal(HealthStatus.Healthy, await Health(warmUp));
    }

    [Theory]
    [InlineData("http://127.0.0.1:3000", "127.0.0.1:3000")]
    [InlineData("http://127.0.0.2:3000", "127.0.0.2:3000")]
    [InlineData("http://[::1]:3000", "[::1]:3000")]
    [InlineData("http://localhost:3000", "127.0.0.1:3000")]
    [InlineData("http://0.0.0.0:8080", "127.0.0.1:8080")]
    [InlineData("http://[::]:8080", "[::1]:8080")]
    [InlineData("http://*:8080", "127.0.0.1:8080")]
    [InlineData("http://notify.example.com:8080", "127.0.0.1:8080")]
    [InlineData("http://unix:/run/notify.sock", "/run/notify.sock")]
    [InlineData("https://127.0.0.1:3000", null)]
    public void It_is_asked_where_it_listens(string address, string? expected) => Assert.Equal(expected, WarmUp.EndPoint(address)?.ToString());

    private static Task<WsClient> Connect(RunningServer server, string key) =>
        WsClient.ConnectAsync(server.WebSocket, headers: new Dictionary<string, string> { [OwnHandshakes.Header] = key });

    private static async Task<int> Listed(RunningServer server) => (await server.Http.Get("/api/connections")).Body.GetProperty("connections").GetArrayLength();

    private static WarmUp New(int requests, TimeProvider? time = null) =>
        new(Options.Create(new WarmUpOptions { Requests = requests }), new OwnHandshakes(), time ?? TimeProvider.System, NullLogger<WarmUp>.Instance);

    private static async Task<HealthStatus> Health(WarmUp warmUp) => (await warmUp.CheckHealthAsync(new HealthCheckContext())).Status;

    // Requests as the server has answered them; those for /ws wait at the gate.
    private sealed class Visits : IStartupFilter
    {
        private readonly TaskCompletionSource<int> _port = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ConcurrentQueue<(string Answer, string Connection)> Seen { get; } = [];

        public TaskCompletionSource? Gate { get; init; }

        public Task<int> Port => _port.Task.WaitAsync(Until.DefaultTimeout);

        public void Watch(IServiceCollection services) => services.AddSingleton<IStartupFilter>(this);

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (context, rest) =>
            {
                _port.TrySetResult(context.Connection.LocalPort);
                if (Gate is not null && context.Request.Path == "/ws")
                    await Gate.Task;
                await rest(context);
                Seen.Enqueue(($"{context.Request.Method} {context.Request.Path} {context.Response.StatusCode}", context.Connection.Id));
            });
            next(app);
        };
    }
}
