using Microsoft.Extensions.DependencyInjection;
using Orleans.Storage;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Streaming;

public class FrontEndStreamsTests
{
    [Fact]
    public async Task Each_front_end_gets_every_envelope_of_every_silo_once_and_in_order()
    {
        const int Count = 2_000;
        await using var cluster = await StreamCluster.StartAsync(3);

        await Task.WhenAll(cluster.Silos.Select(writer => Task.Run(() =>
        {
            foreach (var reader in cluster.Silos)
                writer.WriteAll(reader.SiloAddress, 1, Count);
        })));

        foreach (var reader in cluster.Silos)
        {
            await reader.FrontEnd().Has(3 * Count);
            foreach (var writer in cluster.Silos)
                Assert.Equal(Envelopes.Numbers(1, Count), reader.FrontEnd().From(writer));
        }

        Assert.All(cluster.Silos, silo => Assert.Equal((3 * Count, 0L, 0), (silo.Statistics().Written, silo.Statistics().Skipped, silo.Statistics().QueuedEnvelopes)));
    }

    [Fact]
    public async Task A_local_envelope_arrives_as_the_object_that_was_written_and_a_remote_one_with_the_same_content()
    {
        await using var cluster = await StreamCluster.StartAsync(2);
        var (here, there) = (cluster.Silos[0], cluster.Silos[1]);
        var beat = new StreamEnvelope(1, null, new Beat(here.SiloAddress, 7, [new ChangedChannel("a", new(new(1, 2, 3), 4))], ["b"], 5, 6));

        here.Streams().TryWrite(here.SiloAddress, beat);
        here.Streams().TryWrite(there.SiloAddress, beat);

        await here.FrontEnd().Has(1);
        await there.FrontEnd().Has(1);
        Assert.Same(beat, here.FrontEnd().Received.Single().Envelope);
        var copy = there.FrontEnd().Received.Single().Envelope;
        Assert.NotSame(beat, copy);
        Assert.Equal((beat.Version, beat.Beat!.From, beat.Beat.Sequence, beat.Beat.Attached, beat.Beat.AttachedHash), (copy.Version, copy.Beat!.From, copy.Beat.Sequence, copy.Beat.Attached, copy.Beat.AttachedHash));
        Assert.Equal(beat.Beat.Changed, copy.Beat.Changed);
        Assert.Equal(beat.Beat.Ended, copy.Beat.Ended);
    }

    [Fact]
    public async Task What_waits_behind_a_delivery_comes_together_and_only_its_last_says_that_no_more_follows()
    {
        await using var cluster = await StreamCluster.StartAsync(2, settings: ("MaxBatchEnvelopes", "10"));
        var (writer, reader) = (cluster.Silos[0], cluster.Silos[1]);
        reader.FrontEnd().Freeze();
        writer.WriteAll(reader.SiloAddress, 1, 1);
        await Until.Equal(0, "envelopes that wait while the first delivery is under way", () => writer.Statistics().QueuedEnvelopes, StreamCluster.Patience);
        writer.WriteAll(reader.SiloAddress, 2, 21);

        reader.FrontEnd().Thaw();

        await reader.FrontEnd().Has(21);
        Assert.Equal([1UL, 11, 21], reader.FrontEnd().Received.Where(item => !item.More).Select(item => item.Envelope.Number()));
    }

    [Fact]
    public async Task A_frozen_front_end_lags_alone_and_goes_on_in_order_when_it_thaws()
    {
        await using var cluster = await StreamCluster.StartAsync(3, settings: ("MaxQueuedEnvelopes", "100"));
        var (writer, frozen, healthy) = (cluster.Silos[0], cluster.Silos[1], cluster.Silos[2]);
        writer.WriteAll(frozen.SiloAddress, 1, 1);
        await frozen.FrontEnd().Has(1);
        frozen.FrontEnd().Freeze();
        writer.WriteAll(frozen.SiloAddress, 2, 2);
        await Until.Equal(0, "envelopes that wait while the frozen front-end has a delivery under way", () => writer.Statistics().QueuedEnvelopes, StreamCluster.Patience);

        var accepted = Envelopes.Numbers(3, 1_000).Count(number => writer.Streams().TryWrite(frozen.SiloAddress, Envelopes.Of(writer.SiloAddress.ToParsableString(), number)));
        for (var i = 1; i <= 1_000; i += 50)
        {
            writer.WriteAll(healthy.SiloAddress, i, i + 49);
            await healthy.FrontEnd().Has(i + 49);
        }

        Assert.Equal(Envelopes.Numbers(1, 1_000), healthy.FrontEnd().From(writer));
        Assert.Equal((100, 898L), (accepted, writer.Statistics().Skipped));
        Assert.Equal(1, frozen.FrontEnd().Count);

        frozen.FrontEnd().Thaw();
        await frozen.FrontEnd().Has(102);
        writer.WriteAll(frozen.SiloAddress, 2_000, 2_000);
        await frozen.FrontEnd().Has(103);
        Assert.Equal([.. Envelopes.Numbers(1, 102), 2_000UL], frozen.FrontEnd().From(writer));
    }

    [Fact]
    public async Task After_a_delivery_that_was_given_up_later_events_arrive()
    {
        var faults = new FailingDeliveries();
        await using var cluster = await StreamCluster.StartAsync(2, silo => silo.AddIncomingGrainCallFilter(faults), ("DeliveryTimeout", "00:00:00.5"));
        var (writer, reader) = (cluster.Silos[0], cluster.Silos[1]);
        writer.WriteAll(reader.SiloAddress, 1, 1);
        await reader.FrontEnd().Has(1);

        faults.Failing = true;
        writer.WriteAll(reader.SiloAddress, 2, 2);
        await faults.ErrorReported.WaitAsync(TimeSpan.FromSeconds(30));
        faults.Failing = false;
        writer.WriteAll(reader.SiloAddress, 3, 4);

        await reader.FrontEnd().Has(3);
        Assert.Equal([1UL, 3, 4], reader.FrontEnd().From(writer));
    }

    [Fact]
    public async Task Delivery_needs_no_PubSubStore()
    {
        await using var cluster = await StreamCluster.StartAsync(2, silo => silo.Services.AddKeyedSingleton<IGrainStorage, FailingStorage>("PubSubStore"));

        cluster.Silos[0].WriteAll(cluster.Silos[1].SiloAddress, 1, 10);

        await cluster.Silos[1].FrontEnd().Has(10);
        Assert.Equal(Envelopes.Numbers(1, 10), cluster.Silos[1].FrontEnd().From(cluster.Silos[0]));
    }

    [Fact]
    public async Task A_write_to_a_silo_that_is_not_there_is_skipped_and_counted()
    {
        await using var cluster = await StreamCluster.StartAsync(1);
        var silo = cluster.Silos[0];

        Assert.False(silo.Streams().TryWrite(SiloAddress.FromParsableString("127.0.0.1:1@1"), Envelopes.Of("w", 1)));

        Assert.Equal((1L, 0L), (silo.Statistics().Skipped, silo.Statistics().Written));
    }

    [Fact]
    public async Task Many_threads_write_to_one_front_end_and_each_keeps_its_order()
    {
        const int Writers = 4, Count = 5_000;
        await using var cluster = await StreamCluster.StartAsync(1);
        var silo = cluster.Silos[0];

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() =>
        {
            foreach (var number in Envelopes.Numbers(1, Count))
                Assert.True(silo.Streams().TryWrite(silo.SiloAddress, Envelopes.Of($"w{writer}", number)));
        })));

        await silo.FrontEnd().Has(Writers * Count);
        for (var writer = 0; writer < Writers; writer++)
            Assert.Equal(Envelopes.Numbers(1, Count), silo.FrontEnd().Received.Where(item => item.Envelope.Writer() == $"w{writer}").Select(item => item.Envelope.Number()));
    }

    private sealed class FailingDeliveries : IIncomingGrainCallFilter
    {
        private readonly TaskCompletionSource _errorReported = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public volatile bool Failing;

        public Task ErrorReported => _errorReported.Task;

        public async Task Invoke(IIncomingGrainCallContext context)
        {
            if (Failing && context.MethodName == "DeliverBatch")
                throw new InvalidOperationException("delivery fails, says the test");
            await context.Invoke();
            if (context.MethodName == "ErrorInStream")
                _errorReported.TrySetResult();
        }
    }

    private sealed class FailingStorage : IGrainStorage
    {
        public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new InvalidOperationException("store is down");

        public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new InvalidOperationException("store is down");

        public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => throw new InvalidOperationException("store is down");
    }
}
