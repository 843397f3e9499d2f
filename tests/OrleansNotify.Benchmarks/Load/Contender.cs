using System.Diagnostics;
using System.Globalization;
using OrleansNotify.Benchmarks.Load.Generator;
using OrleansNotify.Benchmarks.Load.Peers;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>A server to measure.</summary>
/// <param name="Name">On the command line and in tables.</param>
/// <param name="Dialect">How it is spoken to.</param>
internal sealed record Contender(string Name, Dialect Dialect)
{
    /// <summary>All of them, ours first.</summary>
    public static IReadOnlyList<Contender> All { get; } =
    [
        new("ours", Dialect.Ours),
        new("signalr", Dialect.SignalR),
        new("kestrel", Dialect.Ours with { HasBatches = false }),
        new("upgrade", Dialect.Ours with { HasBatches = false }),
    ];

    /// <summary>Starts it as a process of its own, on a free port.</summary>
    public async Task<StartedContender> StartAsync()
    {
        if (this == All[0])
        {
            // Tests go without the warm-up; who measures a server measures it as it is shipped.
            var server = await ServerProcess.StartAsync(arguments: $"--Notify:WarmUp:Requests={new WarmUpOptions().Requests}");
            return new StartedContender(server, server.Port, Process.GetProcessById(server.Id));
        }
        return await StartPeerAsync(Name);
    }

    /// <summary>Starts one of <see cref="Peer"/>'s servers.</summary>
    public static async Task<StartedContender> StartPeerAsync(string name)
    {
        var port = Ports.Free();
        var peer = ChildProcess.Start(
            "dotnet",
            [typeof(Contender).Assembly.Location, Peer.Verb, name, "--port", port.ToString(CultureInfo.InvariantCulture)],
            environment: new Dictionary<string, string?> { ["ASPNETCORE_URLS"] = null });
        try
        {
            await peer.Line($"that {name} listens", line => line == Peer.Ready);
            return new StartedContender(peer, port, Process.GetProcessById(peer.Id));
        }
        catch
        {
            await peer.DisposeAsync();
            throw;
        }
    }
}

/// <summary>A running server; disposing ends it.</summary>
internal sealed class StartedContender(IAsyncDisposable owner, int port, Process process) : IAsyncDisposable
{
    public Target Target { get; } = new(port, port, process);

    public async ValueTask DisposeAsync()
    {
        process.Dispose();
        await owner.DisposeAsync();
    }
}
