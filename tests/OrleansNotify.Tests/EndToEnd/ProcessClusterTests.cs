using System.Diagnostics;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Silos as processes of their own, as the README starts them, and a publisher outside the cluster.</summary>
public sealed class ProcessClusterTests
{
    [Fact]
    public async Task Three_processes_form_a_cluster_survive_a_kill_and_take_publications_of_an_orleans_client()
    {
        var gateway = Ports.Free();
        await using var first = await ServerProcess.StartAsync(arguments: ["--Notify:Cluster:GatewayPort", $"{gateway}"]);
        var primary = $"127.0.0.1:{first.SiloPort}";
        await using var second = await ServerProcess.StartAsync(primary: primary);
        await using var third = await ServerProcess.StartAsync(primary: primary);
        await using var one = await first.WebSocket.Subscribed("shared");
        await using var two = await second.WebSocket.Subscribed("shared");
        await using var three = await third.WebSocket.Subscribed("shared");

        await third.Http.PublishMany("shared", 1, 5);
        foreach (var client in new[] { one, two, three })
            Assert.Equal([1, 2, 3, 4, 5], (await client.TakeEvents(5)).Numbers());
        await Until.Equal((3, 3), "cluster-wide counts", () => first.Http.Stats("shared"));

        var (code, output) = await RunSample($"127.0.0.1:{gateway}", "shared", """{"n":6}""", """{"n":7}""");
        Assert.True(code == 0, output);
        Assert.Equal([6, 7], (await one.TakeEvents(2)).Numbers());
        Assert.Equal([6, 7], (await three.TakeEvents(2)).Numbers());

        await third.KillAsync();
        await Until.True("publishing works again", async () => (await second.Http.Post("/api/events", """{"channel":"shared","data":{"n":8}}""", idempotencyKey: "8")).Status == 202, TimeSpan.FromSeconds(40));
        foreach (var client in new[] { one, two })
            Assert.Equal(8, (await client.Next("event", e => e.Data.GetProperty("n").GetInt32() == 8, TimeSpan.FromSeconds(20))).Data.GetProperty("n").GetInt32());
        await Until.Equal((2, 2), "counts without the dead", () => first.Http.Stats("shared"), TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task The_sample_publisher_says_what_is_wrong_with_its_arguments()
    {
        Assert.Equal(2, (await RunSample()).Code);
        var (code, output) = await RunSample("127.0.0.1:1", "two words", "{}");
        Assert.Equal(2, code);
        Assert.Contains("Invalid channel", output, StringComparison.Ordinal);
        (code, output) = await RunSample("127.0.0.1:1", "fine", "{nonsense");
        Assert.Equal(2, code);
        Assert.Contains("{nonsense", output, StringComparison.Ordinal);
    }

    private static async Task<(int Code, string Output)> RunSample(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Repository.Built("OrleansNotify.Samples.Publisher"));
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await process.WaitForExitAsync(deadline.Token);
        return (process.ExitCode, await output + await errors);
    }
}
