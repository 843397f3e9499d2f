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
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// Where the microseconds of one publication go: one publisher and one subscriber on sockets, the server in this process, and a look at the clock at
/// each place that can be decorated from outside: the first middleware, the way into the channel's turn, into the stream and out of it. Writes
/// <c>results/budget.md</c>.
/// </summary>
internal static class BudgetMeasurement
{
    private const int WarmUp = 20_000; // publications, until all is compiled for good
    private const string Prefix = "budget-";

    private static readonly string Channel = PostRequest.NameOf(Prefix, 0);

    // Two ways that part at the stream. Each ends at the client: what the server does after its last write is no part of either.
    private static readonly Place[] ToSubscriber = [Place.Sent, Place.Request, Place.Turn, Place.Stream, Place.FrontEnd, Place.Delivered];
    private static readonly Place[] ToPublisher = [Place.Sent, Place.Stream, Place.Acknowledged];

    private enum Place
    {
        Sent,
        Request,
        Turn,
        Stream,
        FrontEnd,
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
            builder.Configuration["Notify:WarmUp:Requests"] = "0";
            builder.Services.AddSingleton<IStartupFilter>(stamps);
            builder.Host.UseServiceProviderFactory(new LastWord(services =>
            {
                services.AddSingleton<IHostedChannels>(all => new StampedChannels(all.GetRequiredService<AttachmentTable>(), stamps));
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

        var delivery = new Budget(
            "client's send → first middleware: kernel, Kestrel reads and parses the head",
            "→ channel's turn: middleware, body read and checked, publisher",
            "→ stream: repeats, number, history, envelope",
            "→ front-end: at once, as nothing else is on its way on this silo",
            "→ subscriber has it: lane, cursor, encoding, outbox, write, kernel, the client wakes");
        var answer = new Budget("client's send → stream: the first three above", "→ publisher has the answer: delivery to the subscriber, which comes first, end of the turn, body, write, kernel, the client wakes");
        var ended = new TaskCompletionSource();
        var client = new Thread(() =>
        {
            try
            {
                Publish(port, stamps, TimeSpan.FromSeconds(seconds), delivery, answer);
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

        await Results.WriteAsync("budget.md", Table(delivery, answer));
        return 0;
    }

    private static void Publish(int port, Stamps stamps, TimeSpan time, Budget delivery, Budget answer)
    {
        using var loop = new EventLoop();
        using var subscriber = Connected(port, $"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", "\r\n\r\n");
        var subscribe = Encoding.ASCII.GetBytes($"{{\"type\":\"subscribe\",\"channel\":\"{Channel}\"}}");
        Exchange(subscriber, [0x81, (byte)(0x80 | subscribe.Length), 0, 0, 0, 0, .. subscribe], "\"subscribed\"");
        using var publisher = Connected(port, null, null);
        (subscriber.Blocking, publisher.Blocking) = (false, false);
        var delivered = new Arrival(subscriber);
        var answered = new Arrival(publisher);
        loop.Add(subscriber, delivered);
        loop.Add(publisher, answered);
        var request = new PostRequest(port, Prefix, batch: 1);
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
            var patience = Stopwatch.GetTimestamp();
            while (delivered.At == 0 || answered.At == 0)
            {
                loop.Turn(100_000_000);
                if (Stopwatch.GetElapsedTime(patience).TotalSeconds > 10)
                    throw new TimeoutException($"Waited 10 s for publication {i} to be delivered and answered.");
            }
            (stamps[Place.Delivered], stamps[Place.Acknowledged]) = (delivered.At, answered.At);
            if (i < WarmUp)
                continue;
            delivery.Add([.. ToSubscriber.Select(place => stamps[place])]);
            answer.Add([.. ToPublisher.Select(place => stamps[place])]);
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

    private static string Table(Budget delivery, Budget answer)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"""
            # Where the microseconds go

            {delivery.Count:N0} publications of 200 bytes, one after the other: each is sent when the one before has been delivered and acknowledged. One silo, history and offsets on, client and
            server in one process on {Environment.ProcessorCount} cores. {RuntimeInformation.FrameworkDescription}. To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- budget`.

            Hops and whole are of the same publications, each hop from one look at the clock to the next: the means add up, over all of them and over the slowest hundredth; p50s and p99s of hops do
            not. The looks cost something themselves.
            """);
        foreach (var (title, whole, budget) in (IEnumerable<(string, string, Budget)>)[("To the subscriber", "send → subscriber has it", delivery), ("To the publisher", "send → publisher has the answer", answer)])
        {
            var rows = budget.Rows();
            text.AppendLine(CultureInfo.InvariantCulture, $"""

                ## {title}

                | hop | mean µs | share | p50 µs | p99 µs | mean of the slowest 1 %, µs |
                |---|---|---|---|---|---|
                """);
            foreach (var row in rows)
                text.AppendLine(CultureInfo.InvariantCulture, $"| {row.Hop ?? $"**{whole}**"} | {row.Mean:F1} | {100 * row.Mean / rows[^1].Mean:F0} % | {row.P50:F1} | {row.P99:F1} | {row.Slowest:F1} |");
        }
        return text.ToString();
    }

    // The moments of the one publication under way, each written by one thread at a time.
    private sealed class Stamps : IStartupFilter
    {
        private readonly long[] _at = new long[Enum.GetValues<Place>().Length];

        public long this[Place place]
        {
            get => Volatile.Read(ref _at[(int)place]);
            set => Volatile.Write(ref _at[(int)place], value);
        }

        public void Mark(Place place) => this[place] = Stopwatch.GetTimestamp();

        public void Mark(Place place, StreamEnvelope envelope)
        {
            if (envelope.Publications?.Channel == Channel)
                Mark(place);
        }

        public void Forget() => Array.Clear(_at);

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, rest) =>
            {
                if (context.Request.Method == "POST")
                    Mark(Place.Request);
                return rest(context);
            });
            next(app);
        };
    }

    private sealed class StampedChannels(IHostedChannels channels, Stamps stamps) : IHostedChannels
    {
        public bool TryPublish(string channel, ReadOnlySpan<PublicationDraft> batch, Span<PublishResult> results, bool mayWait)
        {
            if (channel == Channel)
                stamps.Mark(Place.Turn);
            return channels.TryPublish(channel, batch, results, mayWait);
        }
    }

    private sealed class StampedStreams(IFrontEndStreams streams, Stamps stamps) : IFrontEndStreams
    {
        public bool TryWrite(SiloAddress frontEnd, StreamEnvelope envelope)
        {
            stamps.Mark(Place.Stream, envelope);
            return streams.TryWrite(frontEnd, envelope);
        }
    }

    private sealed class StampedFrontEnd(IFrontEnd frontEnd, Stamps stamps) : IFrontEnd
    {
        public void Receive(StreamEnvelope envelope, bool more)
        {
            stamps.Mark(Place.FrontEnd, envelope);
            frontEnd.Receive(envelope, more);
        }

        public void ReceiveLocal(StreamEnvelope envelope)
        {
            stamps.Mark(Place.FrontEnd, envelope);
            frontEnd.ReceiveLocal(envelope);
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
