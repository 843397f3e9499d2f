using System.Globalization;
using System.Net;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace OrleansNotify.Benchmarks.Load.Peers;

/// <summary>The servers that ours is measured beside, each a process of this binary: <c>peer signalr --port N</c>.</summary>
internal static class Peer
{
    /// <summary>The verb.</summary>
    public const string Verb = "peer";

    /// <summary>The line that says that it listens.</summary>
    public const string Ready = "listening";

    private static readonly byte[] Accepted = "{\"ok\":true}"u8.ToArray();

    /// <summary>Runs one until it is ended.</summary>
    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [var name and ("signalr" or "kestrel" or "upgrade" or "silo"), "--port", var text]
            || !ushort.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
        {
            await Console.Error.WriteLineAsync($"Usage: {Verb} signalr|kestrel|upgrade|silo --port N, N from 1 to 65535. Given: {string.Join(' ', args)}");
            return 2;
        }
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, port);
            kestrel.AddServerHeader = false;
        });
        await using var app = name switch
        {
            "signalr" => SignalRPeer.Build(builder),
            "silo" => SiloPeer.Build(builder),
            _ => KestrelPeer.Build(builder, name == "upgrade"),
        };
        await app.StartAsync();
        Console.WriteLine(Ready);
        await app.WaitForShutdownAsync();
        return 0;
    }

    /// <summary>Answers a publish.</summary>
    internal static async Task Accept(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = Accepted.Length;
        await context.Response.Body.WriteAsync(Accepted);
    }
}

/// <summary>The body of a publish, as far as a peer cares.</summary>
internal sealed record PeerEvent(string Channel, Dictionary<string, string> Data);

/// <summary>Reads it.</summary>
[JsonSourceGenerationOptions(System.Text.Json.JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(PeerEvent))]
internal sealed partial class PeerJson : JsonSerializerContext;
