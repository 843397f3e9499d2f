using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime.Placement;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Testing;
using OrleansNotify.Tests.EndToEnd;

namespace OrleansNotify.Tests.Webhooks;

/// <summary>Two silos that tell the same receiver: what is about a channel is told once, by the silo it lives on.</summary>
public sealed class WebhookClusterTests : IAsyncLifetime
{
    private readonly JumpingTime _time = new();
    private WebhookReceiver _receiver = null!;
    private NotifyCluster _cluster = null!;

    public async Task InitializeAsync()
    {
        _receiver = await WebhookReceiver.StartAsync();
        var settings = new Dictionary<string, string?>(_receiver.Settings()) { ["Notify:Webhooks:0:Events:0"] = "occupied", ["Notify:Webhooks:0:Events:1"] = "vacated", ["Notify:Limits:PingInterval"] = "01:00:00" };
        _cluster = await NotifyCluster.StartAsync(2, settings, (_, services) => services.AddSingleton(provider => ActivatorUtilities.CreateInstance<NotifyFrontEnd>(provider, _time)));
    }

    public async Task DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task A_channel_is_occupied_by_the_first_silo_and_vacated_when_the_last_has_not_wanted_it_for_half_a_minute()
    {
        await using var one = await _cluster.Silos[0].WebSocket.Subscribed("a");
        await using var two = await _cluster.Silos[1].WebSocket.Subscribed("a", "b");
        await _receiver.Has("occupied a", "occupied b");

        await two.Unsubscribe("a");
        await Passes("one front-end of a left", async () => await FrontEndsOfA() == 1);
        await one.Unsubscribe("a");
        var left = _time.Jumped;
        Assert.Equal(2, _receiver.Told.Count);
        await Passes("a is vacated", () => Task.FromResult(_receiver.Told.Count == 3));

        Assert.InRange(_time.Jumped - left, TimeSpan.FromSeconds(25), TimeSpan.FromMinutes(10)); // the test's own seconds count, too
        await _receiver.Has("occupied a", "occupied b", "vacated a");
        await two.Subscribe("a");
        await _receiver.Has("occupied a", "occupied b", "vacated a", "occupied a");
    }

    // Sweeps are 5 s apart, some a little less; six of them may then be less than 30 s.
    [Theory]
    [InlineData(5.0)]
    [InlineData(4.9)]
    public async Task A_channel_is_vacated_within_65_s_of_its_last_subscriber_or_its_last_publication_for_a_pattern(double seconds)
    {
        await using var client = await _cluster.Silos[0].WebSocket.Subscribed("a", "wide.*");
        await _receiver.Has("occupied a");
        await _cluster.Silos[1].Http.PublishMany("wide.b", 1, 1);
        await client.TakeEvents(1);
        await _receiver.Has("occupied a", "occupied wide.b");

        _time.Stand();
        await client.Unsubscribe("a");
        for (var passed = seconds; passed <= 65; passed += seconds)
        {
            _time.Jump(TimeSpan.FromSeconds(seconds));
            _cluster.Silos[0].Services.GetRequiredService<NotifyFrontEnd>().Sweep();
            await client.Subscribe("barrier.*"); // goes to every lane, behind the sweep
            await client.Unsubscribe("barrier.*");
        }

        await Until.Equal("vacated a, vacated wide.b", "what is told besides", () => string.Join(", ", _receiver.Told.Skip(2).Order(StringComparer.Ordinal)), TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_channel_that_moves_stays_occupied()
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, _cluster.Silos[1].Address);
        await _cluster.Client.GetGrain<IChannelGrain>("moving").GetPosition();
        RequestContext.Clear();
        await using var client = await _cluster.Silos[0].WebSocket.Subscribed("moving");
        await _cluster.StopAsync(_cluster.Silos[1]);
        await _cluster.Silos[0].Http.PublishMany("moving", 1, 1);
        await client.TakeEvents(1);

        await client.Subscribe("next");

        await _receiver.Has("occupied moving", "occupied next");
    }

    // A second of the front-ends' time for each look, and in it they look for channels nobody wants, as they do every 5 s.
    private Task Passes(string what, Func<Task<bool>> condition) => Until.True(what, async () =>
    {
        foreach (var silo in _cluster.Silos)
            silo.Services.GetRequiredService<NotifyFrontEnd>().Sweep();
        _time.Jump(TimeSpan.FromSeconds(1));
        return await condition();
    });

    private async Task<int> FrontEndsOfA()
    {
        var (_, page) = await _cluster.Silos[0].Http.Get("/api/channels?pattern=a");
        return page.GetProperty("channels")[0].GetProperty("frontEnds").GetInt32();
    }

    /// <summary>The time of the machine, which can be made to have passed.</summary>
    private sealed class JumpingTime : TimeProvider
    {
        private long _jumped;
        private long _stands; // where the machine's has been left behind; 0: nowhere

        public TimeSpan Jumped => TimeSpan.FromSeconds((double)Volatile.Read(ref _jumped) / TimestampFrequency);

        public override long GetTimestamp() => (Volatile.Read(ref _stands) is not 0 and var at ? at : base.GetTimestamp()) + Volatile.Read(ref _jumped);

        /// <summary>From now on only jumps count.</summary>
        public void Stand() => Volatile.Write(ref _stands, base.GetTimestamp());

        public void Jump(TimeSpan by) => Interlocked.Add(ref _jumped, (long)(by.TotalSeconds * TimestampFrequency));
    }
}
