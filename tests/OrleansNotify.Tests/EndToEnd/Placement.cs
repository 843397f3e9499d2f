using Orleans.Runtime.Placement;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>Where channels live.</summary>
internal static class Placement
{
    /// <summary>Brings a channel to life on a silo; left to itself, placement may choose another.</summary>
    public static async Task Place(this NotifyCluster cluster, string channel, NotifySilo silo)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo.Address);
        await cluster.Client.GetGrain<IChannelGrain>(channel).GetPosition();
        RequestContext.Clear();
        var (_, channels) = await silo.Http.Get($"/api/channels?pattern={channel}");
        Assert.Equal(silo.Address.ToString(), channels.GetProperty("channels")[0].GetProperty("silo").GetString());
    }
}
