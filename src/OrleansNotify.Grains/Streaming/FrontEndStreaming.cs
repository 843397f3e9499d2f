using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Streams;
using OrleansNotify.Grains.Silos;

namespace OrleansNotify.Grains.Streaming;

/// <summary>Puts the streams to front-ends into a silo.</summary>
public static class FrontEndStreaming
{
    /// <summary>Name of the Orleans stream provider.</summary>
    public const string ProviderName = "frontend";

    /// <summary>
    /// Adds all that streams to front-ends need: the provider <see cref="ProviderName"/>, <see cref="IFrontEndStreams"/>, <see cref="FrontEndStreamStatistics"/>,
    /// placement by silo, options from <see cref="FrontEndStreamOptions.Section"/>. Every silo of the cluster needs it. No PubSubStore is used.
    /// A silo with connections registers its <see cref="IFrontEnd"/> and <see cref="IConnectionDirectory"/> besides.
    /// </summary>
    public static ISiloBuilder AddFrontEndStreams(this ISiloBuilder builder) => AddFrontEndStreams(builder, StreamPubSubType.ImplicitOnly);

    // Explicit subscription was measured beside it: tests/OrleansNotify.Benchmarks/results/streams.md.
    internal static ISiloBuilder AddFrontEndStreams(ISiloBuilder builder, StreamPubSubType pubSub)
    {
        var services = builder.Services;
        services.AddOptions<FrontEndStreamOptions>().BindConfiguration(FrontEndStreamOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<FrontEndStreamOptions>, FrontEndStreamOptionsLimits>();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<FrontEndQueues>();
        services.AddSingleton<FrontEndQueueBalancer>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<FrontEndQueueBalancer>());
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, FrontEndStreamDrain>();
        services.AddSingleton<FrontEndInbox>();
        services.AddSingleton<IFrontEndStreams, FrontEndStreamWriter>();
        services.AddSingleton(provider => new FrontEndStreamStatistics(provider.GetRequiredService<FrontEndQueues>()));
        services.AddPlacementDirector<PinnedToSilo, PinnedToSiloDirector>();
        services.AddOptions<StreamPullingAgentOptions>(ProviderName).Configure<IOptions<FrontEndStreamOptions>>((agent, streams) =>
        {
            agent.GetQueueMsgsTimerPeriod = TimeSpan.FromMilliseconds(1); // the receiver waits itself: this is only the pause between two waits
            agent.BatchContainerBatchSize = 1; // the cursor merges
            agent.MaxEventDeliveryTime = streams.Value.DeliveryTimeout;
            agent.StreamInactivityPeriod = TimeSpan.FromDays(1); // beats keep the streams warm
        });
        return builder.AddPersistentStreams(
            ProviderName,
            (provider, name) => ActivatorUtilities.CreateInstance<FrontEndQueueAdapter>(provider, name),
            streams =>
            {
                streams.ConfigurePartitionBalancing((provider, _) => provider.GetRequiredService<FrontEndQueueBalancer>());
                streams.ConfigureStreamPubSub(pubSub);
                streams.ConfigureLifecycle(lifecycle => lifecycle.Configure(stage => stage.StartStage = FrontEndStreamDrain.AgentStage));
            });
    }
}
