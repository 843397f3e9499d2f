using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Channels;

public sealed class ChannelSequenceTests
{
    private static readonly ChannelEpoch Epoch = new(1, 2, 3);
    private readonly FakeTimeProvider _time = new();
    private readonly ChannelSequence _sequence;

    public ChannelSequenceTests() => _sequence = new ChannelSequence(new NamespaceOptions(), Epoch, _time);

    [Fact]
    public void Offsets_run_from_one_without_a_hole_over_all_batches()
    {
        Publish(Some.Drafts(3));
        Assert.Equal([4UL, 5UL], Publish(Some.Drafts(2)).Select(r => r.Position.Offset));
        Assert.Equal(new ChannelPosition(Epoch, 5), _sequence.Position);
    }

    [Fact]
    public void What_is_numbered_is_not_visible_before_it_is_kept()
    {
        var numbered = _sequence.Number(Some.Drafts(3));
        Assert.Equal(0UL, _sequence.Position.Offset);
        Assert.Equal(4UL, _sequence.Number(Some.Drafts(1)).Publications[0].Offset);
        _sequence.Keep(numbered);
        Assert.Equal(3UL, _sequence.Position.Offset);
    }

    [Fact]
    public void A_repeat_takes_nothing_from_the_channel_s_rate()
    {
        var slow = new ChannelSequence(new NamespaceOptions { PublishesPerSecond = 2 }, Epoch, _time);
        slow.Keep(slow.Number([Some.Draft("1", "k")]));
        for (var i = 0; i < 10; i++)
            Assert.Equal(1UL, slow.Number([Some.Draft("1", "k"), Some.Draft("1", "k")]).Results[1].Position.Offset);
        Assert.Equal(PublishRefusal.KeyReused, slow.Number([Some.Draft("other", "k")]).Results[0].Refusal); // nor does what is refused

        Assert.Equal([PublishRefusal.None, PublishRefusal.TooMany], slow.Number(Some.Drafts(2)).Results.Select(result => result.Refusal));
    }

    [Fact]
    public void A_repeat_gets_the_first_ones_answer_and_takes_no_offset_also_within_a_batch_and_before_it_is_kept()
    {
        var first = _sequence.Number([Some.Draft("1", "k"), Some.Draft("2"), Some.Draft("1", "k")]);
        Assert.Equal(2, first.Publications.Length);
        Assert.Equal(first.Results[0] with { Repeated = true }, first.Results[2]);
        Assert.Equal(first.Results[2], _sequence.Number([Some.Draft("1", "k")]).Results[0]);
        Assert.Equal(3UL, _sequence.Number([Some.Draft("3")]).Publications[0].Offset);
    }

    [Fact]
    public void Keys_are_known_as_long_and_as_many_as_the_namespace_says()
    {
        var sequence = new ChannelSequence(new NamespaceOptions { IdempotencyKeys = 2, IdempotencyTtl = TimeSpan.FromSeconds(30) }, Epoch, _time);
        Assert.Equal([1UL, 2, 3], Offsets("a", "b", "c"));
        Assert.Equal([2UL, 3], Offsets("b", "c"));
        Assert.Equal([4UL], Offsets("a")); // was the oldest
        _time.Advance(TimeSpan.FromSeconds(30) - TimeSpan.FromTicks(1));
        Assert.Equal([4UL], Offsets("a"));
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.Equal([5UL], Offsets("a"));

        ulong[] Offsets(params string[] keys) => [.. sequence.Number([.. keys.Select(key => Some.Draft("1", key))]).Results.Select(result => result.Position.Offset)];
    }

    [Fact]
    public void A_key_with_other_content_is_refused_and_takes_no_offset()
    {
        Publish([Some.Draft("1", "k")]);
        var numbered = _sequence.Number([Some.Draft("2", "k"), Some.Draft("3", "k2")]);
        Assert.Equal(PublishRefusal.KeyReused, numbered.Results[0].Refusal);
        Assert.Null(numbered.Results[0].Id);
        Assert.Equal(2UL, numbered.Publications.Single().Offset);
    }

    [Fact]
    public void An_ephemeral_channel_numbers_and_keeps_nothing()
    {
        var ephemeral = new ChannelSequence(new NamespaceOptions { Class = ChannelClass.Ephemeral }, Epoch, _time);
        ephemeral.Keep(ephemeral.Number(Some.Drafts(3)));
        var page = ephemeral.Read(new HistoryRequest(0, ulong.MaxValue, 300, false, default), new());
        Assert.Equal(3UL, page.Position.Offset);
        Assert.Empty(page.Publications);
        Assert.False(page.Gapless);
        Assert.True(ephemeral.Read(new HistoryRequest(3, ulong.MaxValue, 300, false, default), new()).Gapless);
    }

    [Fact]
    public void History_is_as_long_as_old_and_as_large_as_the_namespace_says()
    {
        Assert.Equal([8UL, 9, 10], Kept(new() { HistorySize = 3 }));
        Assert.Equal([7UL, 8, 9, 10], Kept(new() { HistoryBytes = 5 })); // 10 is two bytes, the others one
        Assert.Equal([6UL, 7, 8, 9, 10], Kept(new() { HistoryTtl = TimeSpan.FromSeconds(5) }));

        // Ten publications, one a second, the last one now.
        ulong[] Kept(NamespaceOptions options)
        {
            var sequence = new ChannelSequence(options, Epoch, _time);
            foreach (var draft in Some.Drafts(10))
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                sequence.Keep(sequence.Number([draft]));
            }
            return [.. sequence.Read(new HistoryRequest(0, ulong.MaxValue, 300, false, default), new()).Publications.Select(publication => publication.Offset)];
        }
    }

    [Theory]
    [InlineData(20, 30)]
    [InlineData(30, 20)]
    public void A_reading_ends_at_a_page_or_a_recovery_whichever_is_larger_and_at_their_bytes(int pageSize, int recoverySize)
    {
        var limits = new ChannelLimitOptions { HistoryPageSize = pageSize, RecoverySize = recoverySize };
        Publish(Some.Drafts(100));
        Assert.Equal(30, _sequence.Read(new HistoryRequest(0, ulong.MaxValue, 10_000, false, default), limits).Publications.Length);
        Assert.Empty(_sequence.Read(new HistoryRequest(0, ulong.MaxValue, -1, false, default), limits).Publications);
        limits.PageBytes = 12; // 1 to 9 are a byte each, 10 is two
        Assert.Equal(10, _sequence.Read(new HistoryRequest(0, ulong.MaxValue, 10_000, false, default), limits).Publications.Length);
    }

    [Fact]
    public void All_of_a_draft_arrives_in_its_publication()
    {
        var draft = Some.Draft("\"x\"", "k", "event", ["a", "b"], "user", "connection");
        var publication = _sequence.Number([draft]).Publications.Single();
        Assert.Equal(
            ("\"x\"", "event", "user", "connection", _time.GetUtcNow()),
            (publication.Text(), publication.Event, publication.Publisher, publication.Origin, publication.PublishedAt));
        Assert.Equal(["a", "b"], publication.Tags!);
    }

    [Fact]
    public void Erasing_takes_history_but_neither_offsets_nor_keys()
    {
        var result = Publish([Some.Draft("1", "k")]).Single();
        _sequence.Erase();
        Assert.Equal(1UL, _sequence.Position.Offset);
        Assert.False(_sequence.Read(new HistoryRequest(0, ulong.MaxValue, 300, false, default), new()).Gapless);
        Assert.Equal(result with { Repeated = true }, Publish([Some.Draft("1", "k")]).Single());
        Assert.Equal(2UL, Publish([Some.Draft("1")]).Single().Position.Offset);
    }

    [Fact]
    public void There_is_something_to_come_back_for_until_the_newest_publication_and_the_newest_key_have_aged_out()
    {
        var sequence = new ChannelSequence(new NamespaceOptions { HistoryTtl = TimeSpan.FromMinutes(1) }, Epoch, _time);
        Assert.Equal(TimeSpan.Zero, sequence.TimeLeft);
        sequence.Keep(sequence.Number([Some.Draft()]));
        Assert.Equal(TimeSpan.FromMinutes(1), sequence.TimeLeft);
        sequence.Keep(sequence.Number([Some.Draft(key: "k")]));
        Assert.Equal(TimeSpan.FromMinutes(5), sequence.TimeLeft);
    }

    private PublishResult[] Publish(PublicationDraft[] drafts)
    {
        var numbered = _sequence.Number(drafts);
        _sequence.Keep(numbered);
        return numbered.Results;
    }
}
