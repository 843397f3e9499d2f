using System.Diagnostics;
using System.Globalization;
using System.Net.WebSockets;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Publishing;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// What patterns cost those they do not match: publishes a second with 10,000 patterns subscribed to and with none, by turns, to one channel with subscribers and to
/// ever new channels. Writes <c>results/patterns.md</c>.
/// </summary>
internal static class PatternsMeasurement
{
    private const int Connections = 100;
    private const int PatternsEach = 100;
    private const int Publishers = 32;
    private const int Subscribers = 4;
    private static readonly TimeSpan For = TimeSpan.FromSeconds(2);

    public static async Task RunAsync(string[] args)
    {
        var pairs = args is [var given, ..] ? int.Parse(given, CultureInfo.InvariantCulture) : 10;
        await using var server = await RunningServer.StartAsync(new() { ["Notify:Limits:ActivationsPerSecond"] = "0" });
        var publisher = server.Services.GetRequiredService<ChannelPublisher>();
        using var over = new CancellationTokenSource();
        var reading = new List<Task>();
        for (var i = 0; i < Subscribers; i++)
            reading.Add(await Subscribe(server.WebSocket, "one", over.Token));

        List<(double None, double Many)> one = [], ever = [];
        var name = 0;
        for (var pair = 0; pair <= pairs; pair++)
        {
            var isNoneFirst = pair % 2 == 0;
            var first = await Both(isNoneFirst ? 0 : Connections);
            var second = await Both(isNoneFirst ? Connections : 0);
            var (none, many) = isNoneFirst ? (first, second) : (second, first);
            Console.WriteLine($"pair {pair}: one channel {none.One:F0}/s and {many.One:F0}/s; new channels {none.Ever:F0}/s and {many.Ever:F0}/s");
            if (pair == 0) // compiles
                continue;
            one.Add((none.One, many.One));
            ever.Add((none.Ever, many.Ever));
        }
        await over.CancelAsync();
        await Task.WhenAll(reading);
        var table = string.Create(CultureInfo.InvariantCulture, $"""
            # Patterns that do not match

            Acknowledged publishes a second of {Publishers} publishers within one silo, past HTTP: to one channel with {Subscribers} subscribers, and each to a channel that did not exist. With no pattern, and with
            {Connections * PatternsEach:N0} patterns of {Connections} connections that match none of these; {pairs} pairs, their order alternating, {For.TotalSeconds:F0} s each; median (min–max). {RuntimeInformation.FrameworkDescription}, {Environment.ProcessorCount} cores. Trust the ratios.
            To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- patterns`.

            | publishes to | no pattern | {Connections * PatternsEach:N0} patterns | ratio |
            |---|---|---|---|
            {Row("one channel", one)}
            {Row("ever new channels", ever)}

            """);
        await Results.WriteAsync("patterns.md", table);

        async Task<(double One, double Ever)> Both(int connections)
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, connections).Select(number => Patterns(server.WebSocket, number)));
            var result = (await Rate(publisher, () => "one"), await Rate(publisher, () => string.Create(CultureInfo.InvariantCulture, $"new.{Interlocked.Increment(ref name)}.x")));
            foreach (var client in clients)
                await client.DisposeAsync();
            await Until.Equal(Subscribers, "connections", () => Task.FromResult(server.Services.GetRequiredService<AspNetCore.FrontEnd.ConnectionTable>().Count));
            return result;
        }
    }

    private static async Task<WsClient> Patterns(Uri server, int number)
    {
        var client = await WsClient.ConnectAsync(server, timeout: TimeSpan.FromSeconds(60));
        for (var i = 0; i < PatternsEach; i++)
            await client.Send(new { type = "subscribe", channel = $"shop{number}.order{i}.**", id = i });
        for (var i = 0; i < PatternsEach; i++)
            await client.Next("subscribed");
        return client;
    }

    private static async Task<double> Rate(ChannelPublisher publisher, Func<string> channel)
    {
        var draft = PublicationDraft.FromChecked(Encoding.UTF8.GetBytes("\"0123456789\""), PayloadShape.Value, null, null, null, null, null);
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, Publishers).Select(_ => Task.Run(Publish)));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task<int> Publish()
        {
            var count = 0;
            while (Stopwatch.GetElapsedTime(began) < For)
            {
                if ((await publisher.Publish(channel(), draft)).Refusal == PublishRefusal.None)
                    count++;
            }
            return count;
        }
    }

    // Reads and forgets: what a client does with its events is not what is measured.
    private static async Task<Task> Subscribe(Uri server, string channel, CancellationToken over)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(server, over);
        await socket.SendAsync(Encoding.UTF8.GetBytes($$"""{"type":"subscribe","channel":"{{channel}}"}"""), WebSocketMessageType.Text, true, over);
        var buffer = new byte[64 << 10];
        await socket.ReceiveAsync(buffer, over);
        return Read();

        async Task Read()
        {
            using (socket)
            {
                try
                {
                    while (true)
                        await socket.ReceiveAsync(buffer, over);
                }
                catch (OperationCanceledException)
                {
                    // That is all.
                }
            }
        }
    }

    private static string Row(string name, List<(double None, double Many)> values) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {name} | {Spread(values.Select(v => v.None), "N0")} | {Spread(values.Select(v => v.Many), "N0")} | {Spread(values.Select(v => v.Many / v.None), "F2")} |");

    private static string Spread(IEnumerable<double> values, string format)
    {
        var sorted = values.Order().ToArray();
        return string.Create(CultureInfo.InvariantCulture, $"{Text(sorted[sorted.Length / 2])} ({Text(sorted[0])}–{Text(sorted[^1])})");

        string Text(double value) => value.ToString(format, CultureInfo.InvariantCulture);
    }
}
