using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Runtime.Placement;
using Orleans.TestingHost;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels;

/// <summary>Silos in one process that host channels. Their streams only record; front-ends are addresses.</summary>
internal sealed class ChannelCluster : IAsyncDisposable
{
    private readonly InProcessTestCluster _cluster;

    private ChannelCluster(InProcessTestCluster cluster, RecordedLog log) => (_cluster, Log) = (cluster, log);

    /// <summary>What all silos logged at Warning and above.</summary>
    public RecordedLog Log { get; }

    public IReadOnlyList<ChannelSilo> Silos => [.. _cluster.Silos.Select(s => new ChannelSilo(s))];

    public static async Task<ChannelCluster> StartAsync(short silos = 1, Action<ISiloBuilder>? configure = null, params (string Key, string Value)[] settings)
    {
        var log = new RecordedLog();
        var builder = new InProcessTestClusterBuilder(silos) { Options = { ConfigureFileLogging = false, InitializeClientOnDeploy = false } };
        builder.ConfigureSiloHost((_, host) =>
            host.Configuration.AddInMemoryCollection(settings.Select(s => KeyValuePair.Create("Notify:" + s.Key, (string?)s.Value))));
        builder.ConfigureSilo((_, silo) =>
        {
            silo.Services.AddLogging(logging => logging.AddProvider(log));
            silo.AddChannels(silo.Configuration);
            silo.Services.AddPlacementDirector<PinnedToSilo, PinnedToSiloDirector>();
            silo.Services.AddSingleton<RecordedStreams>();
            silo.Services.AddSingleton<IFrontEndStreams>(s => s.GetRequiredService<RecordedStreams>());
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
        var started = new ChannelCluster(cluster, log);
        // A silo that asked another one before that answered asks again after 5 s. Channels of a silo that is stopped meanwhile wait for it, but not
        // for ever (MoveTargets): on a busy machine too short, and not what these tests are about.
        foreach (var silo in started.Silos)
            await Until.Equal(silos, "silos whose grains are known", () => silo.Handle.ServiceProvider.GetRequiredService<IClusterManifestProvider>().Current.Silos.Count, TimeSpan.FromSeconds(30));
        return started;
    }

    /// <summary>As SIGTERM does.</summary>
    public Task StopAsync(ChannelSilo silo) => _cluster.StopSiloAsync(silo.Handle);

    /// <summary>Without farewell.</summary>
    public Task KillAsync(ChannelSilo silo) => _cluster.KillSiloAsync(silo.Handle);

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();
}

/// <summary>One silo of a <see cref="ChannelCluster"/>.</summary>
internal sealed class ChannelSilo(InProcessSiloHandle handle)
{
    public InProcessSiloHandle Handle => handle;

    public SiloAddress Address => handle.SiloAddress;

    // Taken at once: they are looked at after a silo's end as well.
    public RecordedStreams Streams { get; } = handle.ServiceProvider.GetRequiredService<RecordedStreams>();

    public AttachmentTable Table { get; } = handle.ServiceProvider.GetRequiredService<AttachmentTable>();

    /// <summary>As its publishers have it.</summary>
    public IHostedChannels Here { get; } = handle.ServiceProvider.GetRequiredService<IHostedChannels>();

    /// <summary>A channel as this silo calls it.</summary>
    public IChannelGrain Channel(string name) => handle.ServiceProvider.GetRequiredService<IGrainFactory>().GetGrain<IChannelGrain>(name);

    /// <summary>Publishes as this silo's publishers do, and waits for its turn.</summary>
    public PublishResult[]? PublishHere(string name, PublicationDraft[] batch) => Here.TryPublish(name, batch, mayWait: true);

    /// <summary>A channel that comes to life on this silo, if it has none yet.</summary>
    public async Task<IChannelGrain> Host(string name, Attachment attachment)
    {
        await AttachHere(name, attachment);
        return Channel(name);
    }

    /// <summary>Attaches to a channel that comes to life on this silo, if it has none yet; left to itself, placement may choose another silo.</summary>
    public async Task<AttachReply> AttachHere(string name, Attachment attachment)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, Address);
        var reply = await Channel(name).Attach(attachment);
        RequestContext.Clear();
        Assert.Equal(Address, reply.Host);
        return reply;
    }
}

/// <summary>Takes the place of the streams of a silo.</summary>
internal sealed class RecordedStreams : IFrontEndStreams
{
    private readonly ConcurrentQueue<(SiloAddress FrontEnd, StreamEnvelope Envelope)> _written = new();

    /// <summary>As for a front-end that is lagging.</summary>
    public bool Refuses { get; set; }

    public IEnumerable<StreamEnvelope> To(SiloAddress frontEnd) => _written.Where(w => w.FrontEnd.Equals(frontEnd)).Select(w => w.Envelope);

    public IEnumerable<ChannelPublications> PublicationsTo(SiloAddress frontEnd) => To(frontEnd).Select(e => e.Publications).OfType<ChannelPublications>();

    public IEnumerable<ulong> OffsetsTo(SiloAddress frontEnd, string channel) =>
        PublicationsTo(frontEnd).Where(p => p.Channel == channel).SelectMany(p => p.Items).Select(p => p.Offset);

    public IEnumerable<Beat> BeatsTo(SiloAddress frontEnd) => To(frontEnd).Select(e => e.Beat).OfType<Beat>();

    public bool TryWrite(SiloAddress frontEnd, StreamEnvelope envelope)
    {
        if (Refuses)
            return false;
        _written.Enqueue((frontEnd, envelope));
        return true;
    }
}

/// <summary>Front-ends that are nothing but addresses.</summary>
internal static class FrontEnds
{
    public static readonly SiloAddress A = New(1);
    public static readonly SiloAddress B = New(2);

    public static SiloAddress New(int number) => SiloAddress.New(IPAddress.Loopback, number, 1);

    public static Attachment Attach(this SiloAddress frontEnd, long number = 1, ChannelEpoch seen = default) => new(frontEnd, number, seen);

    public static string Name(int number) => "channel" + number.ToString("D5", CultureInfo.InvariantCulture);
}
