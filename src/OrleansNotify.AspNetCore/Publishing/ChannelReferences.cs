using OrleansNotify.Grains.Channels;

namespace OrleansNotify.AspNetCore.Publishing;

/// <summary>
/// References to channel grains. The grain factory looks the interface's attributes up by reflection for every reference, which cost a
/// twentieth of the CPU of a publish [measured]; the types it finds are the same for all channels, so they are asked for once.
/// </summary>
internal sealed class ChannelReferences(IGrainFactory grains)
{
    private volatile Types? _types;

    /// <summary>The grain of a channel.</summary>
    public IChannelGrain Get(string channel)
    {
        if (_types is { } types)
            return (IChannelGrain)grains.GetGrain(GrainId.Create(types.Grain, channel), types.Interface);
        var grain = grains.GetGrain<IChannelGrain>(channel);
        if (grain is GrainReference reference)
            _types = new Types(reference.GrainId.Type, reference.InterfaceType);
        return grain;
    }

    private sealed record Types(GrainType Grain, GrainInterfaceType Interface);
}
