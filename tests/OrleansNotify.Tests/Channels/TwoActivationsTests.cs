using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;
using Orleans.GrainDirectory;
using Orleans.Metadata;
using Orleans.Runtime.GrainDirectory;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels;

/// <summary>Each silo has a directory of its own for channels, as if the cluster were split: both host the same channel at once.</summary>
public sealed class TwoActivationsTests : IAsyncLifetime
{
    private ChannelCluster _cluster = null!;

    public async Task InitializeAsync() => _cluster = await ChannelCluster.StartAsync(2, silo => silo.Services.AddSingleton<IGrainDirectoryResolver, SplitDirectory>());

    public async Task DisposeAsync() => await _cluster.DisposeAsync();

    [Fact]
    public async Task The_lower_one_ends_when_it_is_shown_the_higher_epoch_and_no_position_names_two_publications()
    {
        var (a, b) = (_cluster.Silos[0], _cluster.Silos[1]);
        var onA = await a.Host("twice", FrontEnds.A.Attach());
        var onB = await b.Host("twice", FrontEnds.B.Attach());
        Dictionary<ChannelPosition, string> payloads = [];
        // Which of two is the higher is not for the test to say: they are milliseconds apart, and one silo may know of less membership.
        if ((await onA.GetPosition()).Epoch > (await onB.GetPosition()).Epoch)
            ((a, onA), (b, onB)) = ((b, onB), (a, onA));
        var lower = await Publish(onA, "a1", "a2");
        var higher = await Publish(onB, "b1");
        Assert.NotEqual(lower.Epoch, higher.Epoch);

        // The higher one takes no notice of the lower epoch, the lower one ends by the higher.
        Assert.False((await onB.Attach(FrontEnds.A.Attach(2, lower.Epoch))).Superseded);
        Assert.True((await onA.Attach(FrontEnds.A.Attach(3, higher.Epoch))).Superseded);

        // Whoever comes next on that side is higher than both: its front-ends need not go back.
        var next = await a.AttachHere("twice", FrontEnds.A.Attach(4, higher.Epoch));
        Assert.False(next.Superseded);
        Assert.True(next.Position.Epoch > higher.Epoch);
        var third = await Publish(onA, "a3");
        await Publish(onB, "b2");
        Assert.Equal((next.Position.Epoch, 1UL), (third.Epoch, third.Offset));

        // And now the other one ends: the row goes up, never back.
        Assert.True((await onB.Read(new HistoryRequest(0, 10, 10, false, third.Epoch))).Superseded);
        Assert.True((await b.AttachHere("twice", FrontEnds.B.Attach(2, third.Epoch))).Position.Epoch > third.Epoch);
        Assert.Equal(["a1", "a2", "a3", "b1", "b2"], payloads.Values.Order());
        await Until.True("front-end A gets beats of the one it is attached to", () => a.Streams.BeatsTo(FrontEnds.A).Any(beat => beat.Attached == 1));

        async Task<ChannelPosition> Publish(IChannelGrain channel, params string[] texts)
        {
            var results = await channel.Publish([.. texts.Select(t => Some.Draft(t))]);
            foreach (var (text, result) in texts.Zip(results))
                payloads.Add(result.Position, text); // throws when a position was given before
            return results[^1].Position;
        }
    }

    private sealed class SplitDirectory : IGrainDirectoryResolver, IGrainDirectory
    {
        private readonly ConcurrentDictionary<GrainId, GrainAddress> _addresses = new();

        public bool TryResolveGrainDirectory(GrainType grainType, GrainProperties? properties, [NotNullWhen(true)] out IGrainDirectory? grainDirectory)
        {
            grainDirectory = grainType.ToString() == "notify.channel" ? this : null;
            return grainDirectory is not null;
        }

        public Task<GrainAddress?> Register(GrainAddress address) => Task.FromResult<GrainAddress?>(_addresses.GetOrAdd(address.GrainId, address));

        public Task Unregister(GrainAddress address)
        {
            _addresses.TryRemove(KeyValuePair.Create(address.GrainId, address));
            return Task.CompletedTask;
        }

        public Task<GrainAddress?> Lookup(GrainId grainId) => Task.FromResult(_addresses.GetValueOrDefault(grainId));

        public Task UnregisterSilos(List<SiloAddress> siloAddresses) => Task.CompletedTask;
    }
}
