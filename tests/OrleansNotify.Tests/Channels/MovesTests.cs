using System.Collections.Immutable;
using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.Time.Testing;
using Orleans.Metadata;
using OrleansNotify.Grains.Channels;

namespace OrleansNotify.Tests.Channels;

public sealed class MovesTests
{
    private static readonly SiloAddress A = SiloAddress.New(IPAddress.Loopback, 1, 1);
    private static readonly SiloAddress B = SiloAddress.New(IPAddress.Loopback, 2, 1);
    private readonly FakeTimeProvider _time = new();
    private readonly Manifests _manifests = new();
    private SiloAddress[] _targets = [A, B];

    [Fact]
    public async Task Channels_go_to_where_the_least_is_under_way()
    {
        var moves = New();
        var first = (await moves.Begin(100, default))!;
        var second = (await moves.Begin(10, default))!;
        var third = (await moves.Begin(10, default))!;
        Assert.Equal([A, B, B], [first.Target, second.Target, third.Target]);
        first.Dispose();
        Assert.Equal(A, (await moves.Begin(1, default))!.Target);
    }

    [Fact]
    public async Task Above_the_bound_a_channel_waits_in_line_until_another_has_gone()
    {
        _targets = [A];
        var moves = New();
        var first = (await moves.Begin(Moves.BytesPerTarget, default))!;
        var second = moves.Begin(Moves.BytesPerTarget, default).AsTask();
        var third = moves.Begin(1, default).AsTask();
        Assert.False(second.IsCompleted);
        Assert.False(third.IsCompleted); // it would fit, but it is not its turn
        first.Dispose();
        first.Dispose(); // twice counts once
        var move = (await second)!;
        Assert.False(third.IsCompleted);
        move.Dispose();
        await third;
    }

    [Fact]
    public async Task A_channel_larger_than_the_bound_goes_alone()
    {
        _targets = [A];
        Assert.NotNull(await New().Begin(Moves.BytesPerTarget * 3, default));
    }

    [Fact]
    public async Task With_no_other_silo_nothing_moves_and_nothing_waits()
    {
        _targets = [];
        Assert.Null(await New().Begin(1, default));
    }

    [Fact]
    public async Task Who_gives_up_waiting_leaves_the_line()
    {
        _targets = [A];
        var moves = New();
        var first = (await moves.Begin(Moves.BytesPerTarget, default))!;
        using var cancellation = new CancellationTokenSource();
        var second = moves.Begin(Moves.BytesPerTarget, cancellation.Token).AsTask();
        var third = moves.Begin(1, default).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        first.Dispose();
        await third;
    }

    [Fact]
    public async Task A_silo_of_which_it_is_not_known_yet_what_it_hosts_is_waited_for()
    {
        _manifests.Know();
        var move = New().Begin(1, default).AsTask();
        Assert.False(move.IsCompleted);
        _manifests.Know((B, "other"));
        Assert.False(move.IsCompleted);
        _manifests.Know((B, ChannelGrain.TypeName), (A, "other"));
        Assert.Equal(B, (await move)!.Target);
    }

    [Fact]
    public async Task Silos_that_never_say_what_they_host_are_waited_for_once_and_not_by_every_channel()
    {
        _manifests.Know();
        var moves = New();
        var first = moves.Begin(1, default).AsTask();
        var second = moves.Begin(1, default).AsTask();
        _time.Advance(MoveTargets.Patience - TimeSpan.FromTicks(1));
        Assert.False(first.IsCompleted);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Null(await first);
        Assert.Null(await second);
        var third = moves.Begin(1, default).AsTask();
        Assert.Null(await third.WaitAsync(TimeSpan.FromSeconds(5), TimeProvider.System)); // no clock of ours has to move for this one
    }

    private Moves New() => new(new MoveTargets(() => _targets, _manifests, _time));

    private sealed class Manifests : IClusterManifestProvider
    {
        private static readonly GrainManifest None = new(ImmutableDictionary<GrainType, GrainProperties>.Empty, ImmutableDictionary<GrainInterfaceType, GrainInterfaceProperties>.Empty);
        private readonly Channel<ClusterManifest> _updates = Channel.CreateUnbounded<ClusterManifest>(new UnboundedChannelOptions { AllowSynchronousContinuations = true });
        private int _version;

        public Manifests() => Know((A, ChannelGrain.TypeName), (B, ChannelGrain.TypeName));

        public ClusterManifest Current { get; private set; } = null!;

        public IAsyncEnumerable<ClusterManifest> Updates => _updates.Reader.ReadAllAsync();

        public GrainManifest LocalGrainManifest => None;

        public void Know(params (SiloAddress Silo, string Grain)[] hosts)
        {
            Current = new ClusterManifest(
                new MajorMinorVersion(1, ++_version),
                hosts.ToImmutableDictionary(h => h.Silo, h => new GrainManifest(
                    ImmutableDictionary<GrainType, GrainProperties>.Empty.Add(GrainType.Create(h.Grain), new GrainProperties(ImmutableDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal))),
                    None.Interfaces)));
            _updates.Writer.TryWrite(Current);
        }
    }
}
