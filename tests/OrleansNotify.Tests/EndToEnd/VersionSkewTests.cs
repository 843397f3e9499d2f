using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Serialization;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.EndToEnd;

/// <summary>A silo of the next version in the cluster: what it says that this one does not know.</summary>
public sealed class VersionSkewTests
{
    [Fact]
    public async Task Envelopes_of_a_version_to_come_are_repaired_from_the_grain_and_not_delivered_as_something_else()
    {
        await using var cluster = await NotifyCluster.StartAsync(1, configure: (_, services) =>
        {
            var original = services.Last(s => s.ServiceType == typeof(IFrontEnd));
            services.Replace(ServiceDescriptor.Singleton<IFrontEnd>(provider => new FromNewerSilos((IFrontEnd)original.ImplementationFactory!(provider))));
        });
        await using var client = await cluster.Silos[0].WebSocket.Subscribed("news");

        await cluster.Silos[0].Http.PublishMany("news", 1, 3);

        Assert.Equal([1, 2, 3], (await client.TakeEvents(3)).Numbers());
        await client.Ping();
        Assert.Empty(client.UntakenEvents());
    }

    [Fact]
    public void Fields_to_come_are_skipped_and_missing_ones_are_null()
    {
        using var services = new ServiceCollection()
            .AddSerializer(serializer => serializer.AddAssembly(typeof(StreamEnvelope).Assembly).AddAssembly(typeof(VersionSkewTests).Assembly)).BuildServiceProvider();
        var newer = services.GetRequiredService<Serializer<NewerEnvelope>>();
        var ours = services.GetRequiredService<Serializer<StreamEnvelope>>();

        var read = ours.Deserialize(newer.SerializeToArray(new NewerEnvelope(1, "a new field", 42)));
        Assert.Equal(new StreamEnvelope(1, null, null), read);

        Assert.Equal(new NewerEnvelope(1, null, 0), newer.Deserialize(ours.SerializeToArray(new StreamEnvelope(1, null, null))));
    }

    private sealed class FromNewerSilos(IFrontEnd receiver) : IFrontEnd
    {
        // Whatever the next version says in these fields, it does not mean what this one would read.
        public void Receive(StreamEnvelope envelope, bool more) => receiver.Receive(
            envelope.Publications is not { } publications ? envelope : envelope with
            {
                Version = StreamEnvelope.CurrentVersion + 1,
                Publications = publications with { Items = [.. publications.Items.Select(p => p with { Data = """{"n":-1}"""u8.ToArray() })] },
            },
            more);
    }
}

/// <summary>An envelope as a later version may define it: the same numbers, and new ones behind them.</summary>
[GenerateSerializer, Alias("notify.tests.NewerEnvelope")]
public sealed record NewerEnvelope([property: Id(0)] int Version, [property: Id(7)] string? News, [property: Id(8)] long More);
