using CsCheck;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Channels;

public sealed class HistoryTests
{
    private const int PageBytes = 1 << 20;

    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_ring_of_any_size_bytes_and_age_reads_as_a_plain_list_would()
    {
        var step = Gen.OneOf(
            Gen.Int[0, 60].Select(bytes => new Step(Bytes: bytes)),
            Gen.Int[1, 40].Select(seconds => new Step(Seconds: seconds)),
            Gen.Select(Gen.Int[0, 40], Gen.Int[0, 40], Gen.Int[-1, 12], Gen.Bool, (since, until, limit, reverse) => new Step(Read: (since, until, limit, reverse))));
        Gen.Select(Gen.Int[0, 9], Gen.Int[10, 200], Gen.Int[1, 60], step.Array[1, 120]).Sample((size, maxBytes, ttl, steps) =>
        {
            var time = new FakeTimeProvider();
            var history = new History(size, maxBytes, TimeSpan.FromSeconds(ttl), time);
            List<(Publication Publication, DateTimeOffset At)> model = [];
            var top = 0UL;
            foreach (var (bytes, seconds, read) in steps)
            {
                if (bytes is { } length)
                {
                    model.Add((Some.Publication(++top, length), time.GetUtcNow()));
                    history.Keep(model[^1].Publication, time.GetTimestamp());
                    Trim();
                    Assert.Equal(model.Count, history.Count);
                    Assert.Equal(model.Sum(m => m.Publication.Data.Length), history.Bytes);
                }
                else if (seconds is { } later)
                {
                    time.Advance(TimeSpan.FromSeconds(later));
                }
                else
                {
                    Trim();
                    var (since, until, limit, reverse) = read!.Value;
                    var kept = model.Select(m => m.Publication).Where(p => p.Offset > (ulong)since && p.Offset <= (ulong)until);
                    Publication[] expected = [.. (reverse ? kept.Reverse() : kept).Take(Math.Max(0, limit))];
                    Assert.Equal(expected, history.Read((ulong)since, (ulong)until, limit, PageBytes, reverse, out var gapless));
                    Assert.Equal(Gapless((ulong)since, Math.Min((ulong)until, top), reverse, expected), gapless);
                }
            }
            Assert.Equal(top, history.Top);

            void Trim()
            {
                while (model.Count > 0 && (model.Count > size || model.Sum(m => m.Publication.Data.Length) > maxBytes
                    || time.GetUtcNow() - model[0].At >= TimeSpan.FromSeconds(ttl)))
                {
                    model.RemoveAt(0);
                }
            }

            // By its words: walk the range in the order asked for up to the last one returned; nothing may be missing on the way.
            bool Gapless(ulong since, ulong until, bool reverse, Publication[] page)
            {
                if (since > top)
                    return false;
                var kept = model.Select(m => m.Publication.Offset).ToHashSet();
                List<ulong> range = [];
                for (var offset = since + 1; offset <= until; offset++)
                    range.Add(offset);
                if (reverse)
                    range.Reverse();
                var complete = page.Length == range.Count(kept.Contains);
                var walked = complete ? range : range.TakeWhile(o => page.Length > 0 && (reverse ? o >= page[^1].Offset : o <= page[^1].Offset));
                if (page.Length == 0 && range.Count > 0 && !complete)
                    return kept.Contains(range[0]);
                return walked.All(kept.Contains);
            }
        }, iter: 3000);
    }

    [Fact]
    public void A_page_ends_at_its_bytes_but_never_before_the_first()
    {
        var history = new History(1000, 64 << 20, TimeSpan.FromMinutes(5), _time);
        for (var offset = 1UL; offset <= 400; offset++)
            history.Keep(Some.Publication(offset, offset == 1 ? 2 << 20 : offset < 350 ? 1 : 400_000), _time.GetTimestamp());

        Assert.Equal([1UL], history.Read(0, ulong.MaxValue, 300, PageBytes, false, out var gapless).Select(p => p.Offset));
        Assert.True(gapless);
        Assert.Equal([400UL, 399UL], history.Read(0, ulong.MaxValue, 300, PageBytes, true, out _).Select(p => p.Offset));
    }

    [Fact]
    public void Event_names_and_tags_count_as_well_as_payloads()
    {
        var publication = Some.Publication(1, 10) with { Event = "12345", Tags = ["123", "4567"] };
        Assert.Equal(22, History.Cost(publication));
    }

    [Fact]
    public void A_moved_ring_keeps_each_publications_remaining_time()
    {
        var history = new History(10, 1000, TimeSpan.FromSeconds(60), _time);
        history.Keep(Some.Publication(1), _time.GetTimestamp());
        _time.Advance(TimeSpan.FromSeconds(40));
        history.Keep(Some.Publication(2), _time.GetTimestamp());
        var (publications, ages) = history.Save();
        var elsewhere = new FakeTimeProvider(); // another silo's clock
        var moved = new History(10, 1000, TimeSpan.FromSeconds(60), elsewhere);
        moved.Restore(history.Top, publications, ages);

        Assert.Equal(2, moved.Read(0, 2, 300, PageBytes, false, out _).Length);
        Assert.Equal(TimeSpan.FromSeconds(60), moved.TimeLeft);
        elsewhere.Advance(TimeSpan.FromSeconds(20));
        Assert.Equal([2UL], moved.Read(0, 2, 300, PageBytes, false, out var gapless).Select(p => p.Offset));
        Assert.False(gapless);
        elsewhere.Advance(TimeSpan.FromSeconds(40));
        Assert.Empty(moved.Read(0, 2, 300, PageBytes, false, out _));
        moved.Keep(Some.Publication(3), elsewhere.GetTimestamp());
        Assert.Equal(3UL, moved.Top);
    }

    [Fact]
    public void An_offset_out_of_turn_is_refused()
    {
        var history = new History(10, 1000, TimeSpan.FromSeconds(60), _time);
        Assert.Throws<ArgumentException>(() => history.Keep(Some.Publication(2), 0));
        Assert.Equal(0UL, history.Top);
    }

    private sealed record Step(int? Bytes = null, int? Seconds = null, (int Since, int Until, int Limit, bool Reverse)? Read = null);
}
