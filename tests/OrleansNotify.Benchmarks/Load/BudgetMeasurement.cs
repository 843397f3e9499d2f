using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.Benchmarks.Load.Generator;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// Where the microseconds of one publication go: one publisher and one subscriber on sockets, the server in this process, and a look at the clock at
/// each place that can be decorated from outside: the first middleware, a filter before the grain, the way into the stream and out of it. Writes
/// <c>results/budget.md</c>.
/// </summary>
internal static class BudgetMeasurement
{
    private const int WarmUp = 20_000; // publications, until all is compiled for good

    private static readonly (string What, Place From, Place To)[] Hops =
    [
        ("client's send → first middleware: kernel, Kestrel reads and parses the head", Place.Sent, Place.Request),
        ("→ grain's turn: middleware, body read and checked, publisher, Orleans call", Place.Request, Place.Grain),
        ("→ stream: repeats, number, history, envelope", Place.Grain, Place.Stream),
        ("→ front-end: queue, pulling agent, stream consumer", Place.Stream, Place.FrontEnd),
        ("→ handed to the socket: lane, cursor, encoding, outbox, write", Place.FrontEnd, Place.Written),
        ("beside it, from the stream → answer written: end of the turn, Orleans answer, body", Place.Stream, Place.Answered),
        ("**client's send → subscriber has it**", Place.Sent, Place.Delivered),
        ("**client's send → publisher has the answer**", Place.Sent, Place.Acknowledged),
    ];

    private enum Place
    {
        Sent,
        Request,
        Grain,
        Stream,
        FrontEnd,
        Written,
        Answered,
        Delivered,
        Acknowledged,
    }

    /// <summary>Runs the verb.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        var seconds = 5.0;
        if (args.Length > 1 || (args is [var text] && !(double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out seconds) && seconds is >= 0.1 and <= 600)))
        {
            await Console.Error.WriteLineAsync($"budget takes one number, the seconds to measure, from 0.1 to 600; not {string.Join(' ', args)}.");
            return 2;
        }
        if (!OperatingSystem.IsLinux())
        {
            await Console.Error.WriteLineAsync("budget runs on Linux only: its client waits with epoll.");
            return 2;
        }
        var stamps = new Stamps();
        var port = Ports.Free();
        await using var app = NotifyServer.Build([], builder =>
        {
            builder.Logging.ClearProviders();
            builder.Configuration["urls"] = $"http://127.0.0.1:{port}";
            builder.Configuration["Notify:Cluster:SiloPort"] = Ports.Free().ToString(CultureInfo.InvariantCulture);
            builder.Configuration["Notify:Cluster:GatewayPort"] = "0";
            builder.Services.AddSingleton<IStartupFilter>(stamps);
            builder.Services.AddSingleton<IIncomingGrainCallFilter>(stamps);
            builder.Host.UseServiceProviderFactory(new LastWord(services =>
            {
                services.AddSingleton<IFrontEndStreams>(all => new StampedStreams(ActivatorUtilities.CreateInstance<FrontEndStreamWriter>(all), stamps));
                services.AddSingleton<IFrontEnd>(all => new StampedFrontEnd(all.GetRequiredService<NotifyFrontEnd>(), stamps));
            }));
        });
        await NotifyServer.StartAsync(app);
        using var http = new HttpClient();
        await Until.True(
            "the server to be ready",
            async () =>
            {
                using var reply = await http.GetAsync(new Uri($"http://127.0.0.1:{port}/health/ready"));
                return reply.IsSuccessStatusCode;
            });

        var histograms = Hops.Select(_ => new Histogram()).ToArray();
        var ended = new TaskCompletionSource();
        var client = new Thread(() =>
        {
            try
            {
                Publish(port, stamps, TimeSpan.FromSeconds(seconds), histograms);
                ended.SetResult();
            }
            catch (Exception exception)
            {
                ended.SetException(exception);
            }
        });
        client.Start();
        await ended.Task;
        await app.StopAsync();

        var table = Table(histograms);
        Console.WriteLine(table);
        await File.WriteAllTextAsync(Repository.PathOf("tests", "OrleansNotify.Benchmarks", "results", "budget.md"), table);
        return 0;
    }

    private static void Publish(int port, Stamps stamps, TimeSpan time, Histogram[] histograms)
    {
        const string channel = "budget-";
        using var loop = new EventLoop();
        using var subscriber = Connected(port, $"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", "\r\n\r\n");
        var subscribe = Encoding.ASCII.GetBytes($"{{\"type\":\"subscribe\",\"channel\":\"{PostRequest.NameOf(channel, 0)}\"}}");
        Exchange(subscriber, [0x81, (byte)(0x80 | subscribe.Length), 0, 0, 0, 0, .. subscribe], "\"subscribed\"");
        using var publisher = Connected(port, null, null);
        (subscriber.Blocking, publisher.Blocking) = (false, false);
        var delivered = new Arrival(subscriber);
        var answered = new Arrival(publisher);
        loop.Add(subscriber, delivered);
        loop.Add(publisher, answered);
        var request = new PostRequest(port, channel, batch: 1);
        var began = 0L;
        for (var i = 0u; i <= WarmUp || Stopwatch.GetElapsedTime(began) < time; i++)
        {
            if (i == WarmUp)
                began = Stopwatch.GetTimestamp();
            request.Set(0, 0, i);
            stamps.Forget();
            (delivered.At, answered.At) = (0, 0);
            stamps.Mark(Place.Sent);
            publisher.Send(request.Bytes);
            // The last two places lie behind what the client waits for, on other threads.
            var patience = Stopwatch.GetTimestamp();
            while (delivered.At == 0 || answered.At == 0 || stamps[Place.Written] == 0 || stamps[Place.Answered] == 0)
            {
                loop.Turn(delivered.At == 0 || answered.At == 0 ? 100_000_000 : 0);
                if (Stopwatch.GetElapsedTime(patience).TotalSeconds > 10)
                    throw new TimeoutException($"Waited 10 s for publication {i} to be delivered and answered.");
            }
            (stamps[Place.Delivered], stamps[Place.Acknowledged]) = (delivered.At, answered.At);
            if (i < WarmUp)
                continue;
            for (var hop = 0; hop < Hops.Length; hop++)
                histograms[hop].Add(stamps[Hops[hop].To] - stamps[Hops[hop].From]);
        }
    }

    private static Socket Connected(int port, string? request, string? until)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = 10_000 };
        socket.Connect(IPAddress.Loopback, port);
        if (request is not null)
            Exchange(socket, Encoding.ASCII.GetBytes(request), until!);
        return socket;
    }

    private static void Exchange(Socket socket, byte[] bytes, string until)
    {
        socket.Send(bytes);
        var buffer = new byte[4096];
        var text = "";
        while (!text.Contains(until, StringComparison.Ordinal))
        {
            var count = socket.Receive(buffer);
            if (count == 0)
                throw new InvalidOperationException($"The server ended the connection; it had sent: {text}");
            text += Encoding.Latin1.GetString(buffer, 0, count);
        }
    }

    private static string Table(Histogram[] histograms)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # Where the microseconds go

            {histograms[0].Count:N0} publications of 200 bytes, one after the other: each is sent when the one before has been delivered and acknowledged. One silo, history and offsets on, client and
            server in one process on {Environment.ProcessorCount} cores. {RuntimeInformation.FrameworkDescription}. To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- budget`.

            Each hop is the difference between two looks at the clock of the same publication; p50s of hops need not add up to the p50 of the whole. The looks cost something themselves, above all
            the filter before the grain: the whole is some microseconds longer here than in [load.md](load.md) (c1).

            | hop | p50 µs | p99 µs |
            |---|---|---|
            """);
        for (var hop = 0; hop < Hops.Length; hop++)
            text.AppendLine(CultureInfo.InvariantCulture, $"| {Hops[hop].What} | {histograms[hop].Quantile(0.5) / 1000:F1} | {histograms[hop].Quantile(0.99) / 1000:F1} |");
        return text.ToString();
    }

    // The moments of the one publication under way, each written by one thread at a time.
    private sealed class Stamps : IStartupFilter, IIncomingGrainCallFilter
    {
        private readonly long[] _at = new long[Enum.GetValues<Place>().Length];

        public long this[Place place]
        {
            get => Volatile.Read(ref _at[(int)place]);
            set => Volatile.Write(ref _at[(int)place], value);
        }

        public void Mark(Place place) => this[place] = Stopwatch.GetTimestamp();

        public void Forget() => Array.Clear(_at);

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use(async (context, rest) =>
            {
                if (context.Request.Method != "POST")
                {
                    await rest(context);
                    return;
                }
                Mark(Place.Request);
                await rest(context);
                Mark(Place.Answered);
            });
            next(app);
        };

        public Task Invoke(IIncomingGrainCallContext context)
        {
            if (context.Grain is ChannelGrain && context.MethodName == nameof(IChannelGrain.Publish))
                Mark(Place.Grain);
            return context.Invoke();
        }
    }

    private sealed class StampedStreams(IFrontEndStreams streams, Stamps stamps) : IFrontEndStreams
    {
        public bool TryWrite(SiloAddress frontEnd, StreamEnvelope envelope)
        {
            if (envelope.Publications is not null)
                stamps.Mark(Place.Stream);
            return streams.TryWrite(frontEnd, envelope);
        }
    }

    private sealed class StampedFrontEnd(IFrontEnd frontEnd, Stamps stamps) : IFrontEnd
    {
        public void Receive(StreamEnvelope envelope, bool more)
        {
            if (envelope.Publications is null)
            {
                frontEnd.Receive(envelope, more);
                return;
            }
            stamps.Mark(Place.FrontEnd);
            frontEnd.Receive(envelope, more); // to a few subscribers it is delivered within
            stamps.Mark(Place.Written);
        }
    }

    private sealed class Arrival(Socket socket) : IReadable
    {
        private readonly byte[] _buffer = new byte[4096];

        public long At { get; set; }

        public void Readable()
        {
            var count = socket.Receive(_buffer, SocketFlags.None, out var error);
            if (count > 0)
                At = Stopwatch.GetTimestamp();
            else if (error != SocketError.WouldBlock)
                throw new InvalidOperationException($"The server ended a connection: {error}.");
        }
    }
}
