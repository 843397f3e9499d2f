using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Transports;

namespace OrleansNotify.Tests.Transports;

public class HandshakeGarbageTests
{
    [Fact]
    public void Each_row_of_handshakes_is_compacted_once_however_many_come_at_the_same_time()
    {
        var compacted = 0;
        var garbage = new HandshakeGarbage(() => Interlocked.Increment(ref compacted));
        Parallel.For(0, (4 * HandshakeGarbage.Row) - 1, _ => garbage.Add());
        Assert.Equal(3, compacted);
        garbage.Add();
        Assert.Equal(4, compacted);
    }

    [Fact]
    public void A_handshake_counts_when_it_is_over()
    {
        var compacted = 0;
        var handshakes = new HandshakeLimit(Options.Create(new LimitOptions()), new HandshakeGarbage(() => compacted++));
        for (var i = 0; i < HandshakeGarbage.Row; i++)
        {
            Assert.True(handshakes.TryEnter());
            Assert.Equal(0, compacted);
            handshakes.Exit();
            handshakes.Left();
        }
        Assert.Equal(1, compacted);
    }

    [Fact]
    public void What_nobody_holds_is_gone_behind_a_row()
    {
        var garbage = new HandshakeGarbage();
        for (var i = 1; i < HandshakeGarbage.Row; i++)
            garbage.Add();
        var left = SomethingLeft();
        garbage.Add();
        Assert.False(left.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference SomethingLeft() => new(new object());
}
