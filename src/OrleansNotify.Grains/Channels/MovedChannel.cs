using OrleansNotify.Grains.Channels.Presence;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

// What a channel takes along when it moves to another silo. Times are ages: a monotonic clock means nothing elsewhere. What the way itself takes is
// not counted, so a publication or key may live that much longer.

/// <summary>A channel on its way between silos.</summary>
/// <param name="Sequence">Its order and content; null for a durable channel, which has them in its log.</param>
/// <param name="FrontEnds">Who was attached, and who had been.</param>
/// <param name="Presence">Who is on it; null: nobody ever was, as far as this activation knows.</param>
[GenerateSerializer, Immutable, Alias("notify.MovedChannel")]
internal sealed record MovedChannel([property: Id(0)] MovedSequence? Sequence, [property: Id(1)] MovedFrontEnd[] FrontEnds, [property: Id(2)] MovedPresence? Presence = null);

/// <summary>A channel's order and content.</summary>
/// <param name="Position">Of the newest publication.</param>
/// <param name="History">What is kept, oldest first.</param>
/// <param name="HistoryAges">How old each of them is.</param>
/// <param name="Keys">Idempotency keys, oldest first.</param>
[GenerateSerializer, Immutable, Alias("notify.MovedSequence")]
internal sealed record MovedSequence(
    [property: Id(0)] ChannelPosition Position,
    [property: Id(1)] Publication[] History,
    [property: Id(2)] TimeSpan[] HistoryAges,
    [property: Id(3)] MovedKey[] Keys);

/// <summary>An idempotency key.</summary>
/// <param name="Key">The key.</param>
/// <param name="FingerprintHigh">Upper half of its content's fingerprint.</param>
/// <param name="FingerprintLow">Lower half.</param>
/// <param name="Id">Of the publication.</param>
/// <param name="Offset">Of the publication.</param>
/// <param name="Age">Since it was seen first.</param>
[GenerateSerializer, Immutable, Alias("notify.MovedKey")]
internal readonly record struct MovedKey(
    [property: Id(0)] string Key,
    [property: Id(1)] ulong FingerprintHigh,
    [property: Id(2)] ulong FingerprintLow,
    [property: Id(3)] string Id,
    [property: Id(4)] ulong Offset,
    [property: Id(5)] TimeSpan Age);

/// <summary>A front-end the channel knows.</summary>
/// <param name="FrontEnd">Its silo.</param>
/// <param name="Number">The highest seen from it.</param>
/// <param name="IsAttached">False: detached, remembered so that a late attach is ignored.</param>
[GenerateSerializer, Immutable, Alias("notify.MovedFrontEnd")]
internal readonly record struct MovedFrontEnd([property: Id(0)] SiloAddress FrontEnd, [property: Id(1)] long Number, [property: Id(2)] bool IsAttached);
