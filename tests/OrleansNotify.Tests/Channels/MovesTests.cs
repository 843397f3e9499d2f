using System.Net;
using OrleansNotify.Grains.Channels;

namespace OrleansNotify.Tests.Channels;

public sealed class MovesTests
{
    private static readonly SiloAddress A = SiloAddress.New(IPAddress.Loopback, 1, 1);
    private static readonly SiloAddress B = SiloAddress.New(IPAddress.Loopback, 2, 1);
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

    private Moves New() => new(() => _targets);
}
