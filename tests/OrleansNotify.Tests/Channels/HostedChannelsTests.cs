using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Channels;

/// <summary>What a silo's own publishers publish without a message is as if it had come by one.</summary>
public sealed class HostedChannelsTests
{
    private const string Name = "here";

    [Fact]
    public async Task It_is_numbered_kept_and_streamed_among_all_others()
    {
        await using var cluster = await ChannelCluster.StartAsync();
        var silo = cluster.Silos[0];
        var channel = await silo.Host(Name, FrontEnds.A.Attach());
        var first = (await channel.Publish([Some.Draft("1")])).Single();

        var here = silo.PublishHere(Name, [Some.Draft("2", "k"), Some.Draft("3")])!;

        Assert.Equal([2UL, 3UL], here.Select(r => r.Position.Offset));
        Assert.Equal(first.Position.Epoch, here[0].Position.Epoch);
        Assert.Equal([1UL, 2UL, 3UL], silo.Streams.OffsetsTo(FrontEnds.A, Name)); // before it returns
        Assert.Equal(4UL, (await channel.Publish([Some.Draft("4")])).Single().Position.Offset);
        Assert.Equal(here[0] with { Repeated = true }, silo.PublishHere(Name, [Some.Draft("2", "k")])!.Single());
        Assert.Equal(PublishRefusal.KeyReused, silo.PublishHere(Name, [Some.Draft("other", "k")])!.Single().Refusal);
        var page = await channel.Read(new HistoryRequest(0, ulong.MaxValue, 10, false, default));
        Assert.Equal(["1", "2", "3", "4"], page.Publications.Select(p => p.Text()));
        Assert.Equal(4UL, silo.Table.List(null, 1).Single().Position.Offset);
    }

    [Fact]
    public async Task What_is_not_known_to_be_this_silos_to_publish_goes_to_the_grain()
    {
        await using var cluster = await ChannelCluster.StartAsync(2);
        var (silo, other) = (cluster.Silos[0], cluster.Silos[1]);
        PublicationDraft[] batch = [Some.Draft()];
        Assert.Null(silo.PublishHere(Name, batch)); // has not come to life
        var channel = await silo.Host(Name, FrontEnds.A.Attach());
        Assert.Equal(1UL, silo.PublishHere(Name, batch)!.Single().Position.Offset);
        Assert.Null(other.PublishHere(Name, batch)); // lives elsewhere
        Assert.Null(silo.PublishHere(Name, [.. Enumerable.Repeat(batch[0], ChannelGrain.MaxBatch + 1)]));

        await channel.Detach(FrontEnds.A, 1);
        Assert.Null(silo.PublishHere(Name, batch)); // each publish puts its end off
        await channel.Attach(FrontEnds.A.Attach(2));
        Assert.Equal(2UL, silo.PublishHere(Name, batch)!.Single().Position.Offset);

        var seen = new ChannelEpoch(long.MaxValue, 0, 0);
        Assert.True((await channel.Attach(FrontEnds.B.Attach(1, seen))).Superseded);
        Assert.Null(silo.PublishHere(Name, batch)); // it ends
    }

    [Fact]
    public async Task When_the_cluster_has_changed_the_way_here_is_looked_for_anew()
    {
        await using var cluster = await ChannelCluster.StartAsync(2);
        var (silo, other) = (cluster.Silos[0], cluster.Silos[1]);
        var epochs = silo.Handle.ServiceProvider.GetRequiredService<ChannelEpochs>();
        var channel = await silo.Host(Name, FrontEnds.A.Attach());
        PublicationDraft[] batch = [Some.Draft()];
        Assert.Equal(1UL, silo.PublishHere(Name, batch)!.Single().Position.Offset);
        var before = epochs.MembershipVersion;

        await cluster.StopAsync(other);

        await Until.True("the silo knows", () => epochs.MembershipVersion > before);
        Assert.Null(silo.PublishHere(Name, batch));
        await Until.True("the channel is found to be where it was", async () =>
        {
            var found = (await channel.Publish(batch)).Single().Position.Offset;
            return silo.PublishHere(Name, batch)?.Single().Position.Offset == found + 1;
        });
    }

    [Fact]
    public async Task A_silo_that_stood_still_leaves_the_answer_to_the_grain()
    {
        var time = new FakeTimeProvider();
        var status = new TaskCompletionSource<SiloStatus>();
        using var pulse = new SiloPulse(_ => status.Task, time, NullLogger<SiloPulse>.Instance);
        await using var cluster = await ChannelCluster.StartAsync(configure: silo => silo.Services.AddSingleton(pulse));
        var silo = cluster.Silos[0];
        var channel = await silo.Host(Name, FrontEnds.A.Attach());
        PublicationDraft[] batch = [Some.Draft()];
        await channel.Publish(batch);

        time.Advance(SiloPulse.MaxPause + SiloPulse.Period);

        Assert.Null(silo.PublishHere(Name, batch));
        Assert.Equal(PublishRefusal.NotAccepted, (await channel.Publish(batch)).Single().Refusal);
    }

    [Fact]
    public async Task A_fan_out_that_publishes_takes_the_way_through_Orleans()
    {
        await using var cluster = await StartPublishingStreams();
        var silo = cluster.Silos[0];

        Assert.Null(PublishWithinATurn(silo, () => silo.PublishHere(Name, [Some.Draft()])));

        Assert.Equal(2UL, (await silo.Channel(Name).GetPosition()).Offset);
        Assert.NotNull(silo.PublishHere(Name, [Some.Draft()])); // the thread may publish again
    }

    [Fact]
    public async Task Who_may_not_wait_gets_no_turn_while_another_has_it()
    {
        await using var cluster = await StartPublishingStreams();
        var silo = cluster.Silos[0];
        PublishResult[]? Publish() => silo.Here.TryPublish(Name, [Some.Draft()], mayWait: false);

        Assert.Null(PublishWithinATurn(silo, () =>
        {
            PublishResult[]? answer = [];
            var other = new Thread(() => answer = Publish());
            other.Start();
            Assert.True(other.Join(Until.DefaultTimeout));
            return answer;
        }));

        Assert.Equal(3UL, Publish()!.Single().Position.Offset);
    }

    [Fact]
    public async Task From_many_threads_and_through_Orleans_at_once_every_offset_is_given_once_and_streamed_in_order()
    {
        const int Threads = 4, Each = 2_000;
        await using var cluster = await ChannelCluster.StartAsync(settings: ("Namespaces:default:HistorySize", "10000"));
        var silo = cluster.Silos[0];
        var channel = await silo.Host(Name, FrontEnds.A.Attach());
        await channel.Publish([Some.Draft("first")]);

        var publishing = Enumerable.Range(0, Threads).Select(thread => Task.Run(() => Enumerable.Range(0, Each)
            .Select(n => silo.PublishHere(Name, [Some.Draft($"{thread}-{n}")])!.Single().Position.Offset).ToArray())).ToList();
        var calls = Task.Run(async () =>
        {
            List<ulong> given = [];
            for (var number = 2; !publishing.TrueForAll(p => p.IsCompleted); number++)
            {
                given.Add((await channel.Publish([Some.Draft($"grain-{number}")])).Single().Position.Offset);
                var attached = await channel.Attach(FrontEnds.B.Attach(number));
                Assert.True(attached.Position.Offset >= given[^1]);
            }
            return given.ToArray();
        });

        ulong[] offsets = [1, .. (await Task.WhenAll(publishing)).SelectMany(o => o), .. await calls];
        Assert.Equal(Enumerable.Range(1, offsets.Length).Select(n => (ulong)n), offsets.Order());
        Assert.Equal(Enumerable.Range(1, offsets.Length).Select(n => (ulong)n), silo.Streams.OffsetsTo(FrontEnds.A, Name));
    }

    [Fact]
    public async Task Nothing_published_while_the_channel_moves_is_left_behind()
    {
        await using var cluster = await ChannelCluster.StartAsync(2, null, ("Namespaces:default:HistorySize", "10000"), ("Namespaces:default:HistoryTtl", "00:10:00"));
        var (stays, host) = (cluster.Silos[0], cluster.Silos[1]);
        var channel = await host.Host(Name, FrontEnds.A.Attach());
        Dictionary<ulong, string> published = [];
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var publisher = Task.Run(async () =>
        {
            try
            {
                for (var n = 0; ; n++)
                {
                    PublicationDraft[] batch = [Some.Draft($"{n}")];
                    var result = (host.PublishHere(Name, batch) ?? await channel.Publish(batch)).Single();
                    if (result.Refusal != PublishRefusal.None)
                        continue;
                    published.Add(result.Position.Offset, $"{n}"); // throws when an offset was given before
                    begun.TrySetResult();
                }
            }
            catch (Exception exception) when (exception is OrleansException or ObjectDisposedException)
            {
                // The silo has stopped.
            }
        });

        await await Task.WhenAny(begun.Task, publisher);
        await cluster.StopAsync(host);

        await publisher;
        Dictionary<ulong, string> kept = [];
        for (var since = 0UL; ; since = kept.Keys.Max())
        {
            var page = await stays.Channel(Name).Read(new HistoryRequest(since, ulong.MaxValue, 300, false, default));
            foreach (var publication in page.Publications)
                kept.Add(publication.Offset, publication.Text());
            if (page.Publications.Length == 0)
                break;
        }
        Assert.True(kept.Count > 0, string.Join('\n', cluster.Log.Entries));
        Assert.InRange(published.Keys.Max(), kept.Keys.Min(), kept.Keys.Max()); // the last one's answer may be lost
        Assert.Empty(published.Where(p => p.Key >= kept.Keys.Min()).Except(kept));
    }

    // The channel is there, with one publication.
    private static async Task<ChannelCluster> StartPublishingStreams()
    {
        var cluster = await ChannelCluster.StartAsync(configure: silo => silo.Services.AddSingleton<IFrontEndStreams, PublishingStreams>());
        await (await cluster.Silos[0].Host(Name, FrontEnds.A.Attach())).Publish([Some.Draft()]);
        return cluster;
    }

    // What a publish is answered while the second publication is streamed.
    private static PublishResult[]? PublishWithinATurn(ChannelSilo silo, Func<PublishResult[]?> publish)
    {
        var streams = (PublishingStreams)silo.Handle.ServiceProvider.GetRequiredService<IFrontEndStreams>();
        streams.Publish = () =>
        {
            streams.Publish = null; // once
            return publish();
        };
        Assert.Equal(2UL, silo.PublishHere(Name, [Some.Draft()])!.Single().Position.Offset);
        return streams.Answers.Single();
    }

    private sealed class PublishingStreams : IFrontEndStreams
    {
        public Func<PublishResult[]?>? Publish { get; set; }

        public List<PublishResult[]?> Answers { get; } = [];

        public bool TryWrite(SiloAddress frontEnd, StreamEnvelope envelope)
        {
            if (envelope.Publications is not null && Publish is not null)
                Answers.Add(Publish());
            return true;
        }
    }
}
