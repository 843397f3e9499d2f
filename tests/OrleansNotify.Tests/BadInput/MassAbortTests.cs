using System.Net;
using System.Net.Sockets;
using System.Text;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.BadInput;

/// <summary>Ten thousand clients that come and vanish.</summary>
[Collection(Alone)]
public sealed class MassAbortTests
{
    /// <summary>It weighs the heap of the process, so nothing else may run in it.</summary>
    public const string Alone = "alone in the process";

    private const int Batch = 50;
    private const int BatchesPerThousand = 1000 / Batch;
    private const long MaxGrowth = 1 << 20;

    private static readonly byte[] Subscribe = RawSocket.Frame(1, """{"type":"subscribe","channel":"mass"}"""u8);

    [Fact]
    public async Task Ten_thousand_connects_and_aborts_leave_no_connection_no_subscription_and_no_memory()
    {
        await using var server = await RunningServer.StartAsync();
        await using var witness = await server.WebSocket.Subscribed("mass");
        var handshake = Encoding.ASCII.GetBytes(
            $"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{server.WebSocket.Port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n");
        var buffers = Enumerable.Range(0, Batch).Select(_ => new byte[1024]).ToArray();

        await Thousand(1);
        var before = await Settled(server, long.MaxValue);
        for (var n = 2; n <= 10; n++)
            await Thousand(n);
        var after = await Settled(server, before + MaxGrowth);

        Assert.True(after - before < MaxGrowth, $"The heap grew by {after - before:n0} bytes, from {before:n0} to {after:n0}.");
        Assert.Equal(Enumerable.Range(1, 10), (await witness.TakeEvents(10)).Numbers());
        await witness.Ping();
        Assert.Empty(witness.UntakenEvents());
        Assert.Empty(server.Log.Errors);

        async Task Thousand(int n)
        {
            for (var batch = 0; batch < BatchesPerThousand; batch++)
                await Task.WhenAll(buffers.Select((buffer, i) => ComeAndVanish(server.WebSocket.Port, handshake, buffer, subscribes: i % 2 == 0, waits: i % 4 < 3)));
            await server.Http.Publish("mass", $$"""{"n":{{n}}}""");
            await Until.Equal((1, 1), "connections and subscriptions", () => server.Http.Stats("mass"), TimeSpan.FromSeconds(30));
        }
    }

    // The lowest of several weighings: what is only waiting to be let go of (pools, timers, work on its way) does not count, what is kept does.
    private static async Task<long> Settled(RunningServer server, long enough)
    {
        var lowest = long.MaxValue;
        for (var i = 0; i < 30; i++)
        {
            await server.Http.Stats("mass"); // lets the server's loops run between two collections
            GC.Collect();
            GC.WaitForPendingFinalizers();
            lowest = Math.Min(lowest, GC.GetTotalMemory(forceFullCollection: true));
            if (i >= 5 && lowest < enough)
                break;
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
        return lowest;
    }

    private static async Task ComeAndVanish(int port, byte[] handshake, byte[] buffer, bool subscribes, bool waits)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0), NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        await socket.SendAsync(handshake);
        if (subscribes)
        {
            await ReadUntil("\r\n\r\n");
            await socket.SendAsync(Subscribe);
            await ReadUntil("subscribed");
        }
        else if (waits)
        {
            await ReadUntil("\r\n\r\n");
        }
        socket.Close(0); // a reset

        async Task ReadUntil(string end)
        {
            var mark = Encoding.ASCII.GetBytes(end);
            var read = 0;
            do
            {
                var count = await socket.ReceiveAsync(buffer.AsMemory(read)).AsTask().WaitAsync(TimeSpan.FromSeconds(30), TimeProvider.System);
                Assert.True(count > 0, $"The server has ended the connection; waited for {end.Trim()}.");
                read += count;
            }
            while (buffer.AsSpan(0, read).IndexOf(mark) < 0);
        }
    }
}

[CollectionDefinition(MassAbortTests.Alone, DisableParallelization = true)]
public sealed class AloneCollection;
