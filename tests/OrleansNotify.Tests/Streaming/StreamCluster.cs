using System.Collections.Concurrent;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.TestingHost;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Streaming;

/// <summary>Silos in one process that have streams, and a front-end each that only records.</summary>
internal sealed class StreamCluster : IAsyncDisposable
{
    /// <summary>Membership and streams of silos that share two cores take their time.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly InProcessTestCluster _cluster;

    private StreamCluster(InProcessTestCluster cluster) => _cluster = cluster;

    public static async Task<StreamCluster> StartAsync(short silos, Action<ISiloBuilder>? configure = null, params (string Key, string Value)[] settings)
    {
        var builder = new InProcessTestClusterBuilder(silos) { Options = { ConfigureFileLogging = false, InitializeClientOnDeploy = false } };
        builder.ConfigureSiloHost((_, host) =>
            host.Configuration.AddInMemoryCollection(settings.ToDictionary(setting => "Notify:Streaming:" + setting.Key, setting => (string?)setting.Value)));
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddFrontEndStreams();
            silo.Services.AddSingleton<RecordingFrontEnd>();
            silo.Services.AddSingleton<IFrontEnd>(services => services.GetRequiredService<RecordingFrontEnd>());
            silo.Services.AddSingleton<IConnectionDirectory, OneConnection>();
            silo.Configure<ClusterMembershipOptions>(options =>
            {
                options.ProbeTimeout = TimeSpan.FromMilliseconds(500);
                options.NumMissedProbesLimit = 2;
                options.NumVotesForDeathDeclaration = 1;
                options.TableRefreshTimeout = TimeSpan.FromSeconds(1);
            });
            configure?.Invoke(silo);
        });
        var cluster = builder.Build();
        await cluster.DeployAsync();
        var started = new StreamCluster(cluster);
        foreach (var silo in started.Silos)
            await started.Sees(silo, [.. started.Silos.Select(other => other.SiloAddress)]);
        return started;
    }

    public IReadOnlyList<InProcessSiloHandle> Silos => _cluster.Silos;

    public async Task<InProcessSiloHandle> JoinAsync() => await _cluster.StartAdditionalSiloAsync();

    public Task StopAsync(InProcessSiloHandle silo) => _cluster.StopSiloAsync(silo);

    public Task KillAsync(InProcessSiloHandle silo) => _cluster.KillSiloAsync(silo);

    /// <summary>Waits until a silo has queues for exactly these.</summary>
    public Task Sees(InProcessSiloHandle silo, params SiloAddress[] frontEnds) => Until.Value(
        $"{silo.SiloAddress} streams to {string.Join(", ", frontEnds.AsEnumerable())}",
        () => Task.FromResult(string.Join(", ", silo.Statistics().PerFrontEnd().Select(queue => queue.FrontEnd.ToString()).Order(StringComparer.Ordinal))),
        seen => seen == string.Join(", ", frontEnds.Select(frontEnd => frontEnd.ToString()).Order(StringComparer.Ordinal)),
        Patience);

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    private sealed class OneConnection(ILocalSiloDetails silo) : IConnectionDirectory
    {
        public ConnectionInfo[] List(ConnectionQuery query) => [new(1, null, silo.SiloAddress.ToParsableString(), default, [], 0, 0)];

        public bool Disconnect(long number) => number == 1;

        public int Subscribe(string user, string channel) => 0;

        public int Unsubscribe(string user, string channel) => 0;
    }
}

internal static class StreamClusterSilos
{
    public static IFrontEndStreams Streams(this InProcessSiloHandle silo) => silo.SiloHost.Services.GetRequiredService<IFrontEndStreams>();

    public static RecordingFrontEnd FrontEnd(this InProcessSiloHandle silo) => silo.SiloHost.Services.GetRequiredService<RecordingFrontEnd>();

    public static FrontEndStreamStatistics Statistics(this InProcessSiloHandle silo) => silo.SiloHost.Services.GetRequiredService<FrontEndStreamStatistics>();

    public static IGrainFactory Grains(this InProcessSiloHandle silo) => silo.SiloHost.Services.GetRequiredService<IGrainFactory>();

    /// <summary>Writes From..To as the silo's own; all of them must be accepted.</summary>
    public static void WriteAll(this InProcessSiloHandle silo, SiloAddress frontEnd, int from, int to)
    {
        foreach (var number in Envelopes.Numbers(from, to))
            Assert.True(silo.Streams().TryWrite(frontEnd, Envelopes.Of(silo.SiloAddress.ToParsableString(), number)), $"write {number} to {frontEnd}");
    }
}

/// <summary>Keeps what it gets; can be held up like a front-end that hangs.</summary>
internal sealed class RecordingFrontEnd : IFrontEnd, IDisposable
{
    private readonly ManualResetEventSlim _open = new(initialState: true);
    private readonly ConcurrentQueue<(StreamEnvelope Envelope, bool More)> _received = new();

    public IEnumerable<(StreamEnvelope Envelope, bool More)> Received => _received;

    public int Count => _received.Count;

    public void Freeze() => _open.Reset();

    public void Thaw() => _open.Set();

    public void Receive(StreamEnvelope envelope, bool more)
    {
        _open.Wait(TimeSpan.FromMinutes(1));
        _received.Enqueue((envelope, more));
    }

    public IEnumerable<ulong> From(InProcessSiloHandle silo) => From(silo.SiloAddress);

    public IEnumerable<ulong> From(SiloAddress silo)
    {
        var writer = silo.ToParsableString();
        return _received.Where(item => item.Envelope.Writer() == writer).Select(item => item.Envelope.Number());
    }

    public Task Has(int count) => Until.Value($"{count} envelopes received", () => Task.FromResult(Count), received => received >= count, StreamCluster.Patience);

    public void Dispose() => _open.Dispose();
}
