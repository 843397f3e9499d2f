using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Grains.Patterns;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;

namespace OrleansNotify.Grains.Channels;

/// <summary>What all channels of a silo share.</summary>
/// <param name="Silo">This silo.</param>
/// <param name="Pulse">Whether this silo may speak for its channels.</param>
/// <param name="Namespaces">What a channel's name selects.</param>
/// <param name="Activations">How many may come to life.</param>
/// <param name="Limits">Limits of all of them.</param>
/// <param name="Epochs">Makes epochs.</param>
/// <param name="Table">Who is attached.</param>
/// <param name="Patterns">Lets no channel live before all patterns are known.</param>
/// <param name="Streams">Where publications go.</param>
/// <param name="Moves">Where channels go when the silo stops.</param>
/// <param name="Durable">What durable channels need; null where no store is configured.</param>
/// <param name="CollectionAge">An activation is collected this long after there is nothing left that somebody could come back for.</param>
/// <param name="Time">The silo's clock.</param>
internal sealed record ChannelSurroundings(
    ILocalSiloDetails Silo,
    SiloPulse Pulse,
    ChannelNamespaces Namespaces,
    ActivationLimit Activations,
    ChannelLimitOptions Limits,
    ChannelEpochs Epochs,
    AttachmentTable Table,
    PatternReplica Patterns,
    IFrontEndStreams Streams,
    Moves Moves,
    DurableSurroundings? Durable,
    TimeSpan CollectionAge,
    TimeProvider Time);
