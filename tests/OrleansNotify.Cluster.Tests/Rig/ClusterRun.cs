using System.Text;
using System.Text.Json;
using OrleansNotify.Cluster.Tests.History;
using OrleansNotify.Protocol;
using OrleansNotify.Testing;
using Xunit.Abstractions;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>Three silos as processes, subscribers and publishers on all of them, and a record of everything they see.</summary>
public sealed class ClusterRun : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60); // a cluster under load on two cores
    private readonly ITestOutputHelper _output;
    private readonly RunClock _clock = new();
    private readonly List<Fault> _faults = [];
    private readonly CancellationTokenSource _publishing = new();
    private readonly CancellationTokenSource _subscribing = new();
    private readonly Load _load;
    private readonly Subscriber[] _subscribers;
    private readonly Publishers _publishers;
    private readonly Task _subscribed;
    private Task _published = Task.CompletedTask;
    private RunHistory? _history;
    private bool _good;

    private ClusterRun(ITestOutputHelper output, Silos silos, Load load)
    {
        _output = output;
        All = silos;
        _load = load;
        Uri[] sockets = [.. silos.All.Select(silo => silo.WebSocket)];
        _subscribers = [.. Enumerable.Range(0, load.Subscribers).Select(i => new Subscriber($"client {i}", sockets, load.FrontEnd ?? i % sockets.Length, load.ChannelsOf(i), _clock))];
        _publishers = new Publishers(silos.All.Select(silo => silo.BaseAddress), load.Names, load.PublishesPerSecond, _clock);
        _subscribed = Task.WhenAll(_subscribers.Select(subscriber => subscriber.Run(_subscribing.Token)));
    }

    /// <summary>The silos.</summary>
    public Silos All { get; }

    /// <summary>Starts the silos, then the subscribers, and, when all are subscribed, the publishers; returns when the load has run for a moment.</summary>
    public static Task<ClusterRun> StartAsync(ITestOutputHelper output, BackEnd backEnd, params string[] arguments) =>
        StartAsync(output, Silos.StartAsync(backEnd, [.. Load.Arguments, .. arguments], [ServerPlace.Here, ServerPlace.Here, ServerPlace.Here]), load => load);

    /// <summary>The same, with another load.</summary>
    /// <param name="output">For what happens.</param>
    /// <param name="backEnd">The store.</param>
    /// <param name="shape">Makes the load of the usual one.</param>
    public static Task<ClusterRun> StartAsync(ITestOutputHelper output, BackEnd backEnd, Func<Load, Load> shape) =>
        StartAsync(output, Silos.StartAsync(backEnd, Load.Arguments, [ServerPlace.Here, ServerPlace.Here, ServerPlace.Here]), shape);

    /// <summary>The same, with the last of three silos in a network of its own.</summary>
    public static Task<ClusterRun> StartAsync(ITestOutputHelper output, BackEnd backEnd, NetworkNamespace network) =>
        StartAsync(output, Silos.StartAsync(backEnd, Load.Arguments, [new(network.Outside, []), new(network.Outside, []), network.Place]), load => load);

    private static async Task<ClusterRun> StartAsync(ITestOutputHelper output, Task<Silos> starting, Func<Load, Load> shape)
    {
        var silos = await starting;
        var load = shape(await Load.SpreadOver(silos));
        var run = new ClusterRun(output, silos, load);
        try
        {
            output.WriteLine($"{run._clock.Now.TotalSeconds:0.0} s: {string.Join(", ", silos.All.Select((silo, i) => $"silo {i} pid {silo.Id} {silo.BaseAddress}"))}");
            await run.AllServed();
            run._published = run._publishers.Run(run._publishing.Token);
            await run.Publications(load.PublishesPerSecond * 3);
            return run;
        }
        catch
        {
            await run.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets the load go on for so many publications.</summary>
    public async Task Publications(int count)
    {
        var goal = _publishers.Published + count;
        await Until.True($"{goal} publications begun", () => _publishers.Published >= goal, Patience + TimeSpan.FromSeconds(2.0 * count / _load.PublishesPerSecond));
    }

    /// <summary>Lets the load go on for so long, at the rate that is meant.</summary>
    public Task Seconds(int seconds) => Publications(seconds * _load.PublishesPerSecond);

    /// <summary>Waits until every subscriber is subscribed to all its channels.</summary>
    public Task AllServed() => Until.Equal(_load.Subscribers, "subscribers that are served", () => _subscribers.Count(subscriber => subscriber.IsServed), Patience);

    /// <summary>Notes that something is broken now.</summary>
    public void Note(string what)
    {
        var fault = new Fault(_clock.Now, what);
        _output.WriteLine($"{fault.At.TotalSeconds:0.0} s: {what}");
        _faults.Add(fault);
    }

    /// <summary>Ends the load, gives the subscribers time to get all there is, reads the channels' history, and judges.</summary>
    private async Task<HistoryReport> FinishAsync()
    {
        await _publishing.CancelAsync();
        await _published;
        var ended = _clock.Now;
        var reader = await All.AnyReady();
        try
        {
            foreach (var channel in _load.Names)
                await CaughtUp(reader, channel);
        }
        catch (TimeoutException late)
        {
            _output.WriteLine(late.Message); // the checker says who lost what
        }

        var final = new Dictionary<string, FinalHistory>();
        foreach (var channel in _load.Names)
            final[channel] = await ReadHistory(reader, channel);
        await _subscribing.CancelAsync();
        await _subscribed;

        _history = new RunHistory
        {
            Channels = _load.Channels,
            Attempts = _publishers.Attempts,
            Logs = [.. _subscribers.SelectMany(subscriber => subscriber.Logs())],
            Final = final,
            Faults = _faults,
            RecoveryWindow = Load.RecoveryWindow,
        };
        var report = HistoryChecker.Check(_history);
        _output.WriteLine($"{ended.TotalSeconds:0.0} s: {_publishers.Published} publications begun, {_publishers.Published / Math.Max(1, ended.TotalSeconds):0} a second over all");
        _output.WriteLine(report.ToString());
        foreach (var subscriber in _subscribers.Where(subscriber => subscriber.Complaint is not null))
            _output.WriteLine($"{subscriber.Name} gave up: {subscriber.Complaint}");
        Assert.True(report.Violations.Count == 0 && Array.TrueForAll(_subscribers, subscriber => subscriber.Complaint is null), report.ToString());
        return report;
    }

    /// <summary>Judges the report as a test does; where it fails, everything that was seen and printed is kept in files that the output names.</summary>
    public async Task Expect(Action<HistoryReport> judge)
    {
        judge(await FinishAsync());
        _good = true;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _publishing.CancelAsync();
        await _subscribing.CancelAsync();
        await Task.WhenAll(_published, _subscribed);
        _publishers.Dispose();
        foreach (var subscriber in _subscribers)
            subscriber.Dispose();
        if (!_good)
            KeepForALook();
        await All.DisposeAsync();
        _publishing.Dispose();
        _subscribing.Dispose();
    }

    private void KeepForALook()
    {
        var folder = Repository.PathOf("TestResults", "cluster");
        if (_history is not null)
            _output.WriteLine($"everything that was seen: {HistoryFile.Write(_history, folder)}");
        foreach (var line in All.Logs(folder))
            _output.WriteLine(line);
    }

    private async Task CaughtUp(HttpClient reader, string channel)
    {
        var top = (await ReadHistory(reader, channel)).Top;
        var those = _subscribers.Where((_, i) => _load.ChannelsOf(i).Contains(channel)).ToArray();
        await Until.Equal(0, $"subscribers of {channel} that have not come to {top}", () => those.Count(subscriber => subscriber.PositionOf(channel) != top), TimeSpan.FromSeconds(30));
    }

    private static async Task<FinalHistory> ReadHistory(HttpClient reader, string channel)
    {
        ChannelPosition top;
        var kept = new Dictionary<ulong, ulong>();
        for (var since = ""; ;)
        {
            var text = await Read(reader, $"api/channels/{Uri.EscapeDataString(channel)}/history?limit=300{since}");
            using var page = JsonDocument.Parse(text);
            var root = page.RootElement;
            top = new(ReplyFrame.EpochOf(root.GetProperty("epoch").GetString()), root.GetProperty("offset").GetUInt64());
            var last = 0UL;
            foreach (var publication in root.GetProperty("publications").EnumerateArray())
            {
                last = publication.GetProperty("offset").GetUInt64();
                kept[last] = PayloadHash.Of(Encoding.UTF8.GetBytes(publication.GetProperty("data").GetRawText()));
            }

            if (last == 0)
                return new(top, kept);
            since = $"&epoch={top.Epoch}&since={last}";
        }
    }

    // Right after a fault a read may fail as any call may; it is repeated as a reader would.
    private static async Task<byte[]> Read(HttpClient reader, string path) => await Until.Value(
        path,
        async () =>
        {
            try
            {
                return await reader.GetByteArrayAsync(new Uri(path, UriKind.Relative));
            }
            catch (HttpRequestException)
            {
                return [];
            }
        },
        body => body.Length > 0,
        Patience);
}
