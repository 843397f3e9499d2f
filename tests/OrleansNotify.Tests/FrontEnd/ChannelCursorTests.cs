using CsCheck;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.FrontEnd;

public class ChannelCursorTests
{
    private static readonly ChannelEpoch First = new(1, 10, 1);
    private static readonly ChannelEpoch Second = new(1, 20, 1);

    [Fact]
    public void What_comes_before_the_first_place_is_held_and_delivered_behind_it()
    {
        var cursor = new ChannelCursor();
        var delivered = new List<Publication>();
        cursor.Accept(Batch(First, 3, 4, 5), delivered);
        Assert.Empty(delivered);

        cursor.Place(new ChannelPosition(First, 3), delivered);

        Assert.Equal([4UL, 5UL], delivered.Select(p => p.Offset));
        Assert.False(cursor.HasHole);
    }

    [Fact]
    public void Only_what_goes_on_exactly_where_it_stands_is_next()
    {
        var cursor = Placed(First, 10);

        Assert.True(cursor.IsNext(Batch(First, 11, 12)));
        Assert.False(cursor.IsNext(Batch(First, 10, 11)));
        Assert.False(cursor.IsNext(Batch(First, 12)));
        Assert.False(cursor.IsNext(Batch(Second, 11)));
        Assert.False(new ChannelCursor().IsNext(Batch(default, 1)));
        cursor.Accept(Batch(First, 13), []);
        Assert.False(cursor.IsNext(Batch(First, 11)));
    }

    [Fact]
    public void A_hole_holds_back_what_lies_behind_it_until_it_is_filled()
    {
        var cursor = Placed(First, 10);
        var delivered = new List<Publication>();

        Assert.Equal(CursorVerdict.Hole, cursor.Accept(Batch(First, 13), delivered));
        Assert.Empty(delivered);
        cursor.Fill(Batch(First, 11, 12, 13).Items, delivered);

        Assert.Equal([11UL, 12UL, 13UL], delivered.Select(p => p.Offset));
        Assert.False(cursor.HasHole);
    }

    [Fact]
    public void A_lower_epoch_is_dropped_and_a_higher_one_is_followed_from_its_beginning()
    {
        var cursor = Placed(Second, 5);
        var delivered = new List<Publication>();
        Assert.Equal(CursorVerdict.Dropped, cursor.Accept(Batch(First, 6), delivered));

        var third = new ChannelEpoch(2, 5, 1);
        Assert.Equal(CursorVerdict.HigherEpoch, cursor.Accept(Batch(third, 1, 2), delivered));
        Assert.Empty(delivered);
        cursor.Follow(third);
        cursor.Accept(Batch(third, 1, 2), delivered);

        Assert.Equal([1UL, 2UL], delivered.Select(p => p.Offset));
        Assert.Equal(new ChannelPosition(third, 2), cursor.Position);
    }

    [Fact]
    public void A_part_given_up_is_skipped_and_what_was_held_behind_it_delivered()
    {
        var cursor = Placed(First, 1);
        var delivered = new List<Publication>();
        cursor.Accept(Batch(First, 9, 10), delivered);

        cursor.Skip(8, delivered);

        Assert.Equal([9UL, 10UL], delivered.Select(p => p.Offset));
    }

    [Fact]
    public void Whatever_is_lost_repeated_or_reordered_deliveries_rise_by_one_and_repair_completes_them() =>
        Gen.Int[1, 200].SelectMany(count => Gen.Select(
                Gen.Shuffle(Enumerable.Range(1, count).Select(i => (ulong)i).ToArray()),
                Gen.Bool.Array[count],
                Gen.Int[0, count - 1].Array[0, 20]))
            .Sample((order, lost, repeated) =>
            {
                var cursor = Placed(First, 0);
                var delivered = new List<Publication>();
                var sent = order.Where((_, i) => !lost[i]).Concat(repeated.Select(i => order[i])).ToList();
                foreach (var offset in sent)
                    cursor.Accept(Batch(First, offset), delivered);
                cursor.Fill(Batch(First, [.. Enumerable.Range(1, order.Length).Select(i => (ulong)i)]).Items, delivered);
                return delivered.Select(p => p.Offset).SequenceEqual(Enumerable.Range(1, order.Length).Select(i => (ulong)i)) && !cursor.HasHole;
            });

    private static ChannelCursor Placed(ChannelEpoch epoch, ulong offset)
    {
        var cursor = new ChannelCursor();
        cursor.Place(new ChannelPosition(epoch, offset), []);
        return cursor;
    }

    private static ChannelPublications Batch(ChannelEpoch epoch, params ulong[] offsets) =>
        new("c", epoch, [.. offsets.Select(o => new Publication($"evt_{o}", o, "1"u8.ToArray(), PayloadShape.Value, DateTimeOffset.UnixEpoch))]);
}
