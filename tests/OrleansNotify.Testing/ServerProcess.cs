using System.Globalization;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace OrleansNotify.Testing;

/// <summary>The built server as a process of its own, on free loopback ports.</summary>
public sealed class ServerProcess : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60); // a cold start on a busy machine of two cores
    private readonly string[] _arguments;
    private readonly ServerPlace _place;
    private readonly IReadOnlyDictionary<string, string?> _environment;
    private ChildProcess _process;

    private ServerProcess(int port, string[] arguments, ServerPlace place, IReadOnlyDictionary<string, string?>? environment = null)
    {
        Port = port;
        _environment = environment ?? new Dictionary<string, string?>();
        _arguments = arguments;
        _place = place;
        Http = new HttpClient { BaseAddress = BaseAddress, Timeout = Until.DefaultTimeout };
        _process = Launch();
    }

    /// <summary>The HTTP port.</summary>
    public int Port { get; }

    /// <summary>Of the silo, for others that join it.</summary>
    public int SiloPort { get; private init; }

    /// <summary><c>http://127.0.0.1:port/</c>, or the address of its place.</summary>
    public Uri BaseAddress => new($"http://{_place.Address}:{Port}/");

    /// <summary><c>ws://127.0.0.1:port/ws</c>, or the address of its place.</summary>
    public Uri WebSocket => new($"ws://{_place.Address}:{Port}/ws");

    /// <summary>Calls this server.</summary>
    public HttpClient Http { get; }

    /// <summary>Its process id; another one after a restart.</summary>
    public int Id => _process.Id;

    /// <summary>What it printed since its last start.</summary>
    public IReadOnlyList<string> Output => _process.Lines;

    /// <summary>Starts a server and waits until it is ready.</summary>
    /// <param name="port">The HTTP port; null: a free one.</param>
    /// <param name="primary">Silo address (<c>127.0.0.1:port</c>) of the silo to form a cluster with; null: a cluster of its own.</param>
    /// <param name="arguments">Further configuration: <c>--Notify:…=…</c>.</param>
    public static Task<ServerProcess> StartAsync(int? port = null, string? primary = null, params string[] arguments) =>
        StartAsync(ServerPlace.Here, port, primary, arguments);

    /// <summary>Starts a server at another place than this machine's loopback, and waits until it is ready.</summary>
    /// <param name="place">Where.</param>
    /// <param name="port">The HTTP port; null: a free one.</param>
    /// <param name="primary">As in the other overload.</param>
    /// <param name="arguments">As in the other overload.</param>
    public static async Task<ServerProcess> StartAsync(ServerPlace place, int? port, string? primary, params string[] arguments)
    {
        var http = port ?? Ports.Free();
        var silo = Ports.Free();
        string[] all =
        [
            "--urls", $"http://{place.Address}:{http}",
            "--Notify:Cluster:SiloPort", silo.ToString(CultureInfo.InvariantCulture),
            "--Notify:Cluster:GatewayPort", Ports.Free().ToString(CultureInfo.InvariantCulture),
            "--Notify:WarmUp:Requests", "0",
            .. primary is null ? Array.Empty<string>() : ["--Notify:Cluster:Primary", primary],
            .. arguments,
        ];
        return await Started(new ServerProcess(http, all, place) { SiloPort = silo });
    }

    /// <summary>Starts a server with these settings and no others, as a container does, and waits until it is ready.</summary>
    /// <param name="port">The HTTP port on 127.0.0.1 that the settings say.</param>
    /// <param name="siloPort">The port between silos that they say.</param>
    /// <param name="environment">Variables to set.</param>
    /// <param name="arguments">All of them.</param>
    public static Task<ServerProcess> StartExactlyAsync(int port, int siloPort, IReadOnlyDictionary<string, string?> environment, params string[] arguments) =>
        Started(new ServerProcess(port, arguments, ServerPlace.Here, environment) { SiloPort = siloPort });

    /// <summary>A client of this server.</summary>
    public Task<WsClient> ConnectAsync(string? user = null) => WsClient.ConnectAsync(WebSocket, user);

    /// <summary>Publishes over HTTP and returns the answer's body.</summary>
    /// <param name="channel">The channel.</param>
    /// <param name="data">JSON text.</param>
    public async Task<JsonElement> Publish(string channel, string data)
    {
        using var content = new StringContent($$"""{"channel":{{JsonSerializer.Serialize(channel)}},"data":{{data}}}""", Encoding.UTF8, "application/json");
        using var reply = await Http.PostAsync(new Uri("api/events", UriKind.Relative), content);
        return (int)reply.StatusCode == 202
            ? await reply.Content.ReadFromJsonAsync<JsonElement>()
            : throw new InvalidOperationException($"A publish on {channel} was answered {(int)reply.StatusCode}: {await reply.Content.ReadAsStringAsync()}");
    }

    /// <summary>Ends it as a crash does: SIGKILL.</summary>
    public async Task KillAsync()
    {
        _process.Signal(ChildProcess.SigKill);
        await _process.Exited();
    }

    /// <summary>Sends SIGINT (as Ctrl-C does) or SIGTERM and returns the exit code.</summary>
    /// <param name="signal">Such as <see cref="ChildProcess.SigInt"/>.</param>
    /// <param name="timeout">For its end; null: 40 s, more than the host's own shutdown timeout.</param>
    public Task<int> StopAsync(int signal, TimeSpan? timeout = null)
    {
        _process.Signal(signal);
        return _process.Exited(timeout ?? TimeSpan.FromSeconds(40));
    }

    /// <summary>Sends a signal and waits for nothing.</summary>
    public void Signal(int signal) => _process.Signal(signal);

    /// <summary>Waits for a line of its output.</summary>
    public Task<string> Line(string what, Func<string, bool> wanted, TimeSpan? timeout = null) => _process.Line(what, wanted, timeout);

    /// <summary>Starts it again with the same ports and arguments, after it has ended.</summary>
    public async Task RestartAsync()
    {
        await _process.DisposeAsync();
        _process = Launch();
        await Ready();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _process.DisposeAsync();
    }

    private static async Task<ServerProcess> Started(ServerProcess server)
    {
        try
        {
            await server.Ready();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private ChildProcess Launch() => ChildProcess.Start(
        _place.Launcher is [var program, ..] ? program : "dotnet",
        [.. _place.Launcher.Skip(1), .. _place.Launcher.Count > 0 ? (string[])["dotnet"] : [], Repository.Built("OrleansNotify.Server"), .. _arguments],
        environment: new Dictionary<string, string?>(_environment) { ["DOTNET_ENVIRONMENT"] = null, ["ASPNETCORE_ENVIRONMENT"] = null, ["ASPNETCORE_URLS"] = null });

    private async Task Ready()
    {
        using var probe = new HttpClient { BaseAddress = BaseAddress, Timeout = TimeSpan.FromSeconds(2) };
        try
        {
            await Until.True(
                $"{BaseAddress}health/ready to answer 200",
                async () =>
                {
                    if (_process.HasExited)
                    {
                        await _process.Exited(); // what it said last may still be in the pipe
                        throw new InvalidOperationException($"The server has ended.{_process.Tail()}");
                    }
                    try
                    {
                        using var reply = await probe.GetAsync(new Uri("health/ready", UriKind.Relative));
                        return reply.IsSuccessStatusCode;
                    }
                    catch (Exception notYet) when (notYet is HttpRequestException or TaskCanceledException)
                    {
                        return false;
                    }
                },
                StartTimeout);
        }
        catch (TimeoutException late)
        {
            throw new TimeoutException($"{late.Message}{_process.Tail()}", late);
        }
    }
}

/// <summary>Where a server runs.</summary>
/// <param name="Address">The IP address it listens on for HTTP.</param>
/// <param name="Launcher">The program that starts it there, and its arguments, before <c>dotnet</c>; it must become the server, so that its process id is the server's. Empty: none.</param>
public sealed record ServerPlace(string Address, IReadOnlyList<string> Launcher)
{
    /// <summary>This machine's loopback.</summary>
    public static ServerPlace Here { get; } = new("127.0.0.1", []);
}
