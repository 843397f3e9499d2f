using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Streams;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>One silo in this process with one way to stream from a plain thread to a consumer in the same silo.</summary>
internal abstract class StreamContender : IAsyncDisposable
{
    private IHost? _host;

    public Action<StreamEnvelope> Received { get; set; } = _ => { };

    protected IServiceProvider Services => _host!.Services;

    protected SiloAddress Silo => Services.GetRequiredService<ILocalSiloDetails>().SiloAddress;

    public async Task StartAsync()
    {
        var host = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        host.Logging.SetMinimumLevel(LogLevel.None);
        host.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering(FreePort(), FreePort());
            Configure(silo);
        });
        _host = host.Build();
        await _host.StartAsync();
    }

    /// <summary>Whatever the consumer must do once; nothing where subscription is implicit.</summary>
    public virtual Task SubscribeAsync() => Task.CompletedTask;

    /// <summary>False: skipped, the stream is full.</summary>
    public abstract ValueTask<bool> WriteAsync(StreamEnvelope envelope);

    public async ValueTask DisposeAsync()
    {
        if (_host is null)
            return;
        await _host.StopAsync();
        await ((IAsyncDisposable)_host).DisposeAsync();
    }

    protected abstract void Configure(ISiloBuilder silo);

    protected Task SubscribeHostedClientAsync(string provider, StreamId stream) =>
        Services.GetRequiredService<IClusterClient>().GetStreamProvider(provider).GetStream<StreamEnvelope>(stream).SubscribeAsync(new Observer(this));

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private sealed class Observer(StreamContender contender) : IAsyncObserver<StreamEnvelope>
    {
        public Task OnNextAsync(StreamEnvelope item, StreamSequenceToken? token = null)
        {
            contender.Received(item);
            return Task.CompletedTask;
        }

        public Task OnErrorAsync(Exception ex) => Task.CompletedTask;
    }
}

/// <summary>A silo that streams nothing: what idling costs without us.</summary>
internal sealed class NoStreams : StreamContender
{
    public override ValueTask<bool> WriteAsync(StreamEnvelope envelope) => throw new NotSupportedException();

    protected override void Configure(ISiloBuilder silo)
    {
    }
}

/// <summary>Our provider as it is deployed: the pinned front-end grain subscribes implicitly.</summary>
internal sealed class OursImplicit : StreamContender, IFrontEnd
{
    private IFrontEndStreams? _streams;

    public override ValueTask<bool> WriteAsync(StreamEnvelope envelope) =>
        ValueTask.FromResult((_streams ??= Services.GetRequiredService<IFrontEndStreams>()).TryWrite(Silo, envelope));

    public void Receive(StreamEnvelope envelope, bool more) => Received(envelope);

    protected override void Configure(ISiloBuilder silo)
    {
        silo.AddFrontEndStreams();
        silo.Services.AddSingleton<IFrontEnd>(this);
    }
}

/// <summary>Our provider with the silo's hosted client subscribed through the rendezvous grain and a PubSubStore in memory.</summary>
internal sealed class OursExplicit : StreamContender
{
    private IFrontEndStreams? _streams;

    public override Task SubscribeAsync() => SubscribeHostedClientAsync(FrontEndStreaming.ProviderName, FrontEndQueue.StreamOf(Silo));

    public override ValueTask<bool> WriteAsync(StreamEnvelope envelope) =>
        ValueTask.FromResult((_streams ??= Services.GetRequiredService<IFrontEndStreams>()).TryWrite(Silo, envelope));

    protected override void Configure(ISiloBuilder silo)
    {
        FrontEndStreaming.AddFrontEndStreams(silo, StreamPubSubType.ExplicitGrainBasedOnly);
        silo.AddMemoryGrainStorage("PubSubStore");
    }
}

/// <summary>Orleans' memory streams, hosted client subscribed.</summary>
/// <param name="poll">How often the pulling agents look; null: the default, 100 ms.</param>
internal sealed class MemoryStreams(TimeSpan? poll) : StreamContender
{
    private static readonly StreamId Id = StreamId.Create("bench", "one");

    private IAsyncStream<StreamEnvelope>? _stream;

    public override Task SubscribeAsync() => SubscribeHostedClientAsync("memory", Id);

    public override async ValueTask<bool> WriteAsync(StreamEnvelope envelope)
    {
        _stream ??= Services.GetRequiredService<IClusterClient>().GetStreamProvider("memory").GetStream<StreamEnvelope>(Id);
        try
        {
            await _stream.OnNextAsync(envelope);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false; // its queue grain holds 16,384
        }
    }

    protected override void Configure(ISiloBuilder silo)
    {
        silo.AddMemoryGrainStorage("PubSubStore");
        silo.AddMemoryStreams("memory", streams =>
        {
            if (poll is { } period)
                streams.ConfigurePullingAgent(agent => agent.Configure(options => options.GetQueueMsgsTimerPeriod = period));
        });
    }
}
