using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Transports.WebSocket;

namespace OrleansNotify.Server.Hosting;

/// <summary>
/// Runs a server in before it is ready. The runtime compiles a method when it is first called and twice more when it turns out to be hot, so that the first thousands of
/// clients of a young process wait for the compiler; and where a silo has died they come all at once. Here the server is its own first client, over connections of its own: it opens a WebSocket, pings
/// and closes it, and posts an event without a channel, which is refused whatever is configured. Neither changes, counts or logs anything. What every client and publish has in common
/// with that (sockets, HTTP, routing, our middleware, sessions and, where no API keys are asked for, JSON) is compiled by then. Until it is over <c>/health/ready</c> says so; who comes all the same is served.
/// </summary>
internal sealed partial class WarmUp(IOptions<WarmUpOptions> options, OwnHandshakes own, TimeProvider time, ILogger<WarmUp> logger) : IHealthCheck
{
    // On a machine with other things to do the server is wanted rather than warm.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    // The compiler has one thread: between two rows of requests it gets a processor, or what the first requests made hot is compiled when the last are through.
    private const int Row = 50;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private const string Event = """{"channel":"","data":{"message":"warm-up","priority":"low"}}""";

    // Of each kind what is sent, one part behind the beginning of an answer to the other. The host has no name: that passes whatever names the server is limited to.
    private readonly byte[][][] _requests =
    [
        [
            Encoding.ASCII.GetBytes($"GET /ws HTTP/1.1\r\nHost:\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{OwnHandshakes.Header}: {own.Key}\r\n\r\n"),
            [.. Frame(0x1, """{"type":"ping"}"""), .. Frame(0x8, "")],
        ],
        [Encoding.ASCII.GetBytes($"POST /api/events HTTP/1.1\r\nHost:\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {Event.Length}\r\n\r\n{Event}")],
    ];

    private volatile bool _isRunning = options.Value.Requests > 0;

    /// <inheritdoc />
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_isRunning ? HealthCheckResult.Unhealthy($"the server runs itself in, for at most {Patience.TotalSeconds:0} s") : HealthCheckResult.Healthy());

    /// <summary>Sends the requests. Never fails: a server that cannot be asked by itself is as ready as one that was not.</summary>
    /// <param name="addresses">Where the server listens. Asked is the first address without TLS; without any, nothing.</param>
    /// <param name="stopping">Ends it early.</param>
    public async Task RunAsync(IEnumerable<string> addresses, CancellationToken stopping)
    {
        try
        {
            if (addresses.Select(EndPoint).FirstOrDefault(found => found is not null) is { } server)
                await Ask(server, stopping);
        }
        catch (Exception exception) when (exception is SocketException or OperationCanceledException)
        {
            LogStopped(exception.Message);
        }
        finally
        {
            _isRunning = false;
        }
    }

    /// <summary>Where a client on this machine reaches an address that a server listens on; null: it speaks TLS.</summary>
    internal static EndPoint? EndPoint(string address)
    {
        var binding = BindingAddress.Parse(address);
        if (binding.Scheme != Uri.UriSchemeHttp)
            return null;
        if (binding.IsUnixPipe)
            return new UnixDomainSocketEndPoint(binding.UnixPipePath);
        // A name is bound on every address of loopback ("localhost") or on every address there is.
        if (!IPAddress.TryParse(binding.Host, out var host) || host.Equals(IPAddress.Any))
            return new IPEndPoint(IPAddress.Loopback, binding.Port);
        return new IPEndPoint(host.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : host, binding.Port);
    }

    private async Task Ask(EndPoint server, CancellationToken stopping)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, stopping);
        var answer = new byte[1024];
        for (var sent = 0; sent < options.Value.Requests; sent++)
        {
            if (sent % Row == Row - 1)
                await Task.Delay(Pause, time, either.Token);
            using var client = new Socket(server.AddressFamily, SocketType.Stream, ProtocolType.Unspecified);
            await client.ConnectAsync(server, either.Token);
            foreach (var part in _requests[sent % _requests.Length])
            {
                await client.SendAsync(part, either.Token);
                await client.ReceiveAsync(answer, either.Token);
            }
            while (await client.ReceiveAsync(answer, either.Token) > 0)
            {
            }
        }
    }

    // RFC 6455 5.2: short, and masked with zeros.
    private static byte[] Frame(byte opcode, string text) => [(byte)(0x80 | opcode), (byte)(0x80 | text.Length), 0, 0, 0, 0, .. Encoding.ASCII.GetBytes(text)];

    [LoggerMessage(6002, LogLevel.Information, "The warm-up has ended early: {Reason}")]
    private partial void LogStopped(string reason);
}
