using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime.Placement;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Patterns;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;
using Xunit.Abstractions;

namespace OrleansNotify.Tests.Channels;

public sealed class ChannelMoveTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_channel_survives_the_graceful_stop_of_its_silo_whole()
    {
        await using var cluster = await ChannelCluster.StartAsync(3);
        var (first, host) = (cluster.Silos[0], cluster.Silos[1]);
        var channel = await host.Host("a", FrontEnds.A.Attach(5));
        await channel.Attach(FrontEnds.B.Attach(1));
        await channel.Detach(FrontEnds.B, 2);
        var results = await channel.Publish([Some.Draft("1"), Some.Draft("2", "k", "event", ["tag"], "user", "origin")]);

        await cluster.StopAsync(host);

        channel = first.Channel("a");
        var position = await channel.GetPosition();
        Assert.Equal(results[1].Position, position);
        var repeat = await channel.Publish([Some.Draft("2", "k", "event", ["tag"], "user", "origin"), Some.Draft("3"), Some.Draft("4", "k")]);
        Assert.Equal([results[1] with { Repeated = true }, repeat[1], repeat[2]], repeat);
        Assert.Equal((position.Epoch, 3UL), (repeat[1].Position.Epoch, repeat[1].Position.Offset));
        Assert.Equal(PublishRefusal.KeyReused, repeat[2].Refusal);
        var page = await channel.Read(new HistoryRequest(0, ulong.MaxValue, 300, false, default));
        Assert.True(page.Gapless);
        Assert.Equal(["1", "2", "3"], page.Publications.Select(p => p.Text()));
        Assert.Equal(("event", "user", "origin"), (page.Publications[1].Event, page.Publications[1].Publisher, page.Publications[1].Origin));

        // The attachments went along with their numbers: the stream goes on from the new silo, which beats as well.
        var now = cluster.Silos.Single(s => s.Table.List(null, 10).Length == 1);
        Assert.Equal([3UL], now.Streams.OffsetsTo(FrontEnds.A, "a"));
        Assert.Empty(now.Streams.OffsetsTo(FrontEnds.B, "a"));
        await channel.Attach(FrontEnds.B.Attach(2)); // overtaken by its detach before the move
        Assert.Equal(1, now.Table.List(null, 10).Single().FrontEnds);
        await Until.True("the new silo beats", () => now.Streams.BeatsTo(FrontEnds.A).Any(b => b.Changed.Any(c => c.Channel == "a")));
        Assert.Equal(OrleansNotify.Grains.Streaming.AttachmentHash.Of("a", 5), now.Streams.BeatsTo(FrontEnds.A).First().AttachedHash);
        Assert.DoesNotContain(host.Streams.BeatsTo(FrontEnds.A), b => b.Ended.Length > 0);
    }

    [Fact]
    public async Task A_channel_whose_silo_was_killed_begins_a_higher_epoch()
    {
        await using var cluster = await ChannelCluster.StartAsync(3);
        var (first, host) = (cluster.Silos[0], cluster.Silos[2]);
        var channel = await host.Host("a", FrontEnds.A.Attach());
        var before = (await channel.Publish(Some.Drafts(2)))[1].Position;

        await cluster.KillAsync(host);

        AttachReply? reply = null;
        await Until.True("the channel is back", async () =>
        {
            try
            {
                reply = await first.Channel("a").Attach(FrontEnds.A.Attach(2, before.Epoch)).AsTask().WaitAsync(TimeSpan.FromSeconds(2), TimeProvider.System);
                return !reply.Superseded && !reply.Host.Equals(host.Address);
            }
            catch (Exception problem) when (problem is OrleansException or TimeoutException)
            {
                return false;
            }
        }, TimeSpan.FromSeconds(30));
        Assert.True(reply!.Position.Epoch > before.Epoch);
        Assert.Equal(0UL, reply.Position.Offset);
        Assert.Equal(1UL, (await first.Channel("a").Publish(Some.Drafts(1)))[0].Position.Offset);
    }

    [Fact]
    public async Task A_front_end_whose_silo_dies_is_detached_at_once()
    {
        await using var cluster = await ChannelCluster.StartAsync(2);
        var (host, frontEnd) = (cluster.Silos[0], cluster.Silos[1]);
        await host.Host("a", frontEnd.Address.Attach());
        Assert.Equal(1, host.Table.List(null, 1).Single().FrontEnds);
        await cluster.KillAsync(frontEnd);
        await Until.True("it is detached", () => host.Table.List(null, 1).Single().FrontEnds == 0, TimeSpan.FromSeconds(10)); // well before its lease ends
    }

    [Fact]
    public async Task A_channel_moves_to_a_silo_that_the_stopping_one_has_not_told_its_patterns()
    {
        // As when it joins in the very moment in which the other is told to stop.
        await using var cluster = await ChannelCluster.StartAsync(2, silo => silo.Services.AddSingleton<IIncomingGrainCallFilter>(services => new CallFilter(call =>
            call.MethodName == nameof(IPatternsGrain.Follow) && services.GetRequiredService<ILocalSiloDetails>().Name == "Silo_1" ? throw new TimeoutException("too busy") : call.Invoke())));
        var (stays, host) = (cluster.Silos[0], cluster.Silos[1]);
        var channel = await host.Host("a", FrontEnds.A.Attach());
        var result = Assert.Single(await channel.Publish(Some.Drafts(1)));

        await cluster.StopAsync(host).WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System);

        Assert.Equal(result.Position, stays.Table.List(null, 1).Single().Position);
    }

    [Fact]
    public async Task With_all_silos_stopping_nothing_hangs()
    {
        var cluster = await ChannelCluster.StartAsync(2);
        await cluster.Silos[0].Host("a", FrontEnds.A.Attach());
        await cluster.Silos[1].Host("b", FrontEnds.A.Attach());
        await Task.WhenAll(cluster.Silos.Select(cluster.StopAsync)).WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System);
        await cluster.DisposeAsync();
    }

    // DrainBound: how many channels, and how much, move in a second. Larger by NOTIFY_DRAIN=channels,publications,bytes.
    [Fact]
    public async Task Every_channel_of_a_full_silo_has_moved_when_its_stop_is_done()
    {
        var setting = (Environment.GetEnvironmentVariable("NOTIFY_DRAIN") ?? "300,20,1000").Split(',').Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToArray();
        var (channels, publications, bytes) = (setting[0], setting[1], setting[2]);
        await using var cluster = await ChannelCluster.StartAsync(2);
        var (stays, host) = (cluster.Silos[0], cluster.Silos[1]);
        var draft = Some.Draft(new string('1', bytes));
        RequestContext.Set(IPlacementDirector.PlacementHintKey, host.Address);
        await Parallel.ForEachAsync(Enumerable.Range(0, channels), async (i, cancellation) =>
            await host.Channel(FrontEnds.Name(i)).Publish([.. Enumerable.Repeat(draft, publications)], cancellation));
        RequestContext.Clear();
        Assert.Equal(Math.Min(channels, 1000), host.Table.List(null, 1000).Length);

        var started = Stopwatch.GetTimestamp();
        await cluster.StopAsync(host);
        var took = Stopwatch.GetElapsedTime(started);

        var moved = 0;
        for (string? after = null; ;)
        {
            var page = stays.Table.List(after, 1000);
            moved += page.Count(c => c.Position.Offset == (ulong)publications);
            if (page.Length == 0)
                break;
            after = page[^1].Name;
        }
        output.WriteLine($"{moved} channels of {publications} x {bytes} B in {took.TotalSeconds:0.00} s: {moved / took.TotalSeconds:0} channels/s, "
            + $"{moved / took.TotalSeconds * publications * bytes / (1 << 20):0.0} MiB/s");
        Assert.True(channels == moved, $"{moved} of {channels} have moved.\n{string.Join('\n', cluster.Log.Entries)}");
    }
}
