using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Serialization;
using Orleans.Storage;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Grains.Patterns;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Grains.Channels;

/// <summary>Puts channels into a silo.</summary>
public static class ChannelHosting
{
    /// <summary>
    /// Adds channels, their attachments and beats; needs the streams to front-ends (<c>AddFrontEndStreams</c>) besides. Options come from
    /// <c>Notify:Namespaces</c> (<see cref="ChannelNamespaces"/>), <c>Notify:Channels</c> (<see cref="ChannelLimitOptions"/>) and <c>Notify:Beats</c>
    /// (<see cref="BeatOptions"/>); a bad value stops the host.
    /// </summary>
    /// <param name="silo">The silo. Its grain directory becomes the distributed one.</param>
    /// <param name="configuration">Where the sections are.</param>
    public static ISiloBuilder AddChannels(this ISiloBuilder silo, IConfiguration configuration)
    {
#pragma warning disable ORLEANSEXP003 // With the default directory the crash of a silo takes channels of healthy silos along (ARCHITECTURE, Failure semantics).
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        // Zero: a dead silo's channels are back in a second instead of half a minute. Two activations at once are then possible; epochs settle it.
        silo.Configure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = TimeSpan.Zero);

        var services = silo.Services;
        services.TryAddSingleton(TimeProvider.System);
        var settings = new NamespaceSettings(configuration);
        services.AddOptions<ChannelNamespaces>().ValidateOnStart();
        services.AddSingleton<IConfigureOptions<ChannelNamespaces>>(settings);
        services.AddSingleton<IValidateOptions<ChannelNamespaces>>(settings);
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<ChannelNamespaces>>().Value);
        services.AddOptions<ChannelLimitOptions>().Bind(configuration.GetSection(ChannelLimitOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<ChannelLimitOptions>, ChannelLimitOptionsLimits>();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<ChannelLimitOptions>>().Value);
        services.AddOptions<GrainCollectionOptions>().Configure<ChannelLimitOptions>((collection, limits) =>
        {
            collection.ClassSpecificCollectionAge[GrainClass] = limits.CollectAfter;
            // How often Orleans looks; it takes no age that is not longer.
            if (collection.CollectionQuantum > limits.CollectAfter / 2)
                collection.CollectionQuantum = limits.CollectAfter / 2;
        });
        services.AddOptions<BeatOptions>().Bind(configuration.GetSection(BeatOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<BeatOptions>, BeatOptionsLimits>();

        services.AddPlacementDirector<PinnedToSilo, PinnedToSiloDirector>();
        services.AddSingleton<PatternTable>();
        services.AddSingleton<PatternReplica>();
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => provider.GetRequiredService<PatternReplica>());
        services.AddSingleton<PatternSilos>();
        services.AddSingleton<OwnPatterns>();
        services.AddSingleton<IOwnPatterns>(provider => provider.GetRequiredService<OwnPatterns>());
        services.AddSingleton<AttachmentTable>();
        services.AddSingleton<IHostedChannels>(provider => provider.GetRequiredService<AttachmentTable>());
        services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>, BeatSender>();
        services.AddSingleton(NewPulse);
        services.TryAddSingleton<ActivationLimit>();
        services.AddSingleton(NewEpochs);
        services.AddSingleton(NewMoves);
        services.AddSingleton<StorageBreaker>();
        services.AddSingleton<LogEntryCodec>();
        // Storage providers ask for a serialiser of their own name first. Segments are bytes: JSON would make them a third longer, and much slower.
        services.AddKeyedSingleton<IGrainStorageSerializer>(
            ChannelStorage.ProviderName, (provider, _) => new OrleansGrainStorageSerializer(provider.GetRequiredService<Serializer>()));
        services.AddSingleton<IValidateOptions<ChannelNamespaces>, DurableNeedsStorage>();
        services.AddSingleton(NewSurroundings);
        return silo;
    }

    /// <summary>What <see cref="GrainCollectionOptions.ClassSpecificCollectionAge"/> knows channels by.</summary>
    internal static string GrainClass => typeof(ChannelGrain).FullName!;

    private static ChannelEpochs NewEpochs(IServiceProvider provider)
    {
        var membership = provider.GetRequiredService<IClusterMembershipService>();
        return new ChannelEpochs(() => membership.CurrentSnapshot.Version.Value, provider.GetRequiredService<TimeProvider>());
    }

    private static SiloPulse NewPulse(IServiceProvider provider)
    {
        var membership = provider.GetRequiredService<IClusterMembershipService>();
        var self = provider.GetRequiredService<ILocalSiloDetails>();
        return new SiloPulse(ReadStatus, TimeProvider.System, provider.GetRequiredService<ILogger<SiloPulse>>());

        async Task<SiloStatus> ReadStatus(CancellationToken cancellationToken)
        {
            await membership.Refresh(default, cancellationToken);
            return membership.CurrentSnapshot.GetSiloStatus(self.SiloAddress);
        }
    }

    private static Moves NewMoves(IServiceProvider provider)
    {
        var membership = provider.GetRequiredService<IClusterMembershipService>();
        var self = provider.GetRequiredService<ILocalSiloDetails>();
        var targets = new MoveTargets(
            () => [.. membership.CurrentSnapshot.Members.Values.Where(m => m.Status == SiloStatus.Active && !m.SiloAddress.Equals(self.SiloAddress)).Select(m => m.SiloAddress)],
            provider.GetRequiredService<IClusterManifestProvider>(),
            provider.GetRequiredService<TimeProvider>());
        return new Moves(targets);
    }

    private static DurableSurroundings? NewDurable(IServiceProvider provider) =>
        provider.GetKeyedService<IGrainStorage>(ChannelStorage.ProviderName) is { } storage
            ? new DurableSurroundings(
                storage,
                provider.GetRequiredService<LogEntryCodec>(),
                provider.GetRequiredService<StorageBreaker>(),
                provider.GetRequiredService<ChannelEpochs>(),
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<DurableChannel>>())
            : null;

    private static ChannelSurroundings NewSurroundings(IServiceProvider provider) => new(
        provider.GetRequiredService<ILocalSiloDetails>(),
        provider.GetRequiredService<SiloPulse>(),
        provider.GetRequiredService<ChannelNamespaces>(),
        provider.GetRequiredService<ActivationLimit>(),
        provider.GetRequiredService<ChannelLimitOptions>(),
        provider.GetRequiredService<ChannelEpochs>(),
        provider.GetRequiredService<AttachmentTable>(),
        provider.GetRequiredService<PatternReplica>(),
        provider.GetRequiredService<IFrontEndStreams>(),
        provider.GetRequiredService<Moves>(),
        NewDurable(provider),
        provider.GetRequiredService<IOptions<GrainCollectionOptions>>().Value.ClassSpecificCollectionAge[GrainClass],
        provider.GetRequiredService<TimeProvider>());
}
