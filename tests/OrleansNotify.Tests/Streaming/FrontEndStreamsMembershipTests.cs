namespace OrleansNotify.Tests.Streaming;

public class FrontEndStreamsMembershipTests
{
    [Fact]
    public async Task A_graceful_stop_loses_nothing_that_was_accepted_for_front_ends_alive()
    {
        await using var cluster = await StreamCluster.StartAsync(3);
        var (stopping, readers) = (cluster.Silos[0], new[] { cluster.Silos[1], cluster.Silos[2] });
        var address = stopping.SiloAddress;
        var accepted = new int[readers.Length];
        using var stopped = new CancellationTokenSource();
        var streams = stopping.Streams();
        var writing = Task.Run(() =>
        {
            // Writes until the silo takes no more: refusals end a writer's run, so what arrives is 1..n without a hole.
            var open = new[] { true, true };
            while (!stopped.IsCancellationRequested && (open[0] || open[1]))
            {
                for (var i = 0; i < readers.Length; i++)
                {
                    if (open[i] && (open[i] = streams.TryWrite(readers[i].SiloAddress, Envelopes.Of(address.ToParsableString(), (ulong)accepted[i] + 1))))
                        accepted[i]++;
                }

                // What is queued when the silo stops has to be delivered within its drain.
                while (!stopped.IsCancellationRequested && accepted.Max() - readers.Min(r => r.FrontEnd().Count) > 2_000)
                    Thread.Yield();
            }
        });
        await readers[0].FrontEnd().Has(1_000);

        await cluster.StopAsync(stopping);
        await stopped.CancelAsync();
        await writing;

        for (var i = 0; i < readers.Length; i++)
        {
            Assert.True(accepted[i] > 1_000, $"accepted {accepted[i]}");
            await readers[i].FrontEnd().Has(accepted[i]);
            Assert.Equal(Envelopes.Numbers(1, accepted[i]), readers[i].FrontEnd().From(address));
        }
    }

    [Fact]
    public async Task A_silo_that_joins_gets_a_stream_and_one_that_is_killed_loses_it()
    {
        await using var cluster = await StreamCluster.StartAsync(2);
        var (first, second) = (cluster.Silos[0], cluster.Silos[1]);

        var third = await cluster.JoinAsync();
        await cluster.Sees(first, first.SiloAddress, second.SiloAddress, third.SiloAddress);
        first.WriteAll(third.SiloAddress, 1, 10);
        await third.FrontEnd().Has(10);
        third.WriteAll(first.SiloAddress, 1, 10);
        await first.FrontEnd().Has(10);

        await cluster.KillAsync(third);
        await cluster.Sees(first, first.SiloAddress, second.SiloAddress);
        Assert.False(first.Streams().TryWrite(third.SiloAddress, Envelopes.Of("w", 1)));
        first.WriteAll(second.SiloAddress, 1, 10);
        await second.FrontEnd().Has(10);
        Assert.Equal(Envelopes.Numbers(1, 10), second.FrontEnd().From(first));
    }

    [Fact]
    public async Task A_silo_that_stops_and_comes_back_is_another_front_end()
    {
        await using var cluster = await StreamCluster.StartAsync(2);
        var (first, second) = (cluster.Silos[0], cluster.Silos[1]);
        var before = second.SiloAddress;
        first.WriteAll(before, 1, 5);
        await second.FrontEnd().Has(5);

        await cluster.StopAsync(second);
        await cluster.Sees(first, first.SiloAddress);
        var again = await cluster.JoinAsync();
        await cluster.Sees(first, first.SiloAddress, again.SiloAddress);

        Assert.NotEqual(before, again.SiloAddress);
        first.WriteAll(again.SiloAddress, 6, 10);
        await again.FrontEnd().Has(5);
        Assert.Equal(Envelopes.Numbers(6, 10), again.FrontEnd().From(first));
    }
}
