using System.Globalization;
using System.Text;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.Storage;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Protocol;

namespace OrleansNotify.Tests.Channels.Durable;

public sealed class ChannelLogTests
{
    private static readonly LogEntryCodec Codec = new(
        new ServiceCollection().AddSerializer(s => s.AddAssembly(typeof(ChannelLog).Assembly)).BuildServiceProvider().GetRequiredService<Serializer<LogEntry[]>>());

    private static readonly GrainId Channel = GrainId.Create("channel", "x");
    private static readonly ChannelEpoch Epoch = new(1, 2, 3);

    private readonly TestStore _store = new();

    [Fact]
    public async Task What_was_committed_is_there_for_whoever_opens_the_log_next()
    {
        var log = await Open();
        await log.Commit([Entry(1, key: "a"), Entry(2)], false);
        await log.Commit([Entry(3)], false);

        var (_, found) = await OpenFound();

        Assert.Equal(new ChannelPosition(Epoch, 3), found.Position);
        Assert.Equal(["p1", "p2", "p3"], found.Entries.Select(e => e.Publication.Text()));
        Assert.Equal(["a", null, null], found.Entries.Select(e => e.Key));
        Assert.Equal((7UL, 9UL), (found.Entries[0].FingerprintHigh, found.Entries[0].FingerprintLow));
    }

    [Fact]
    public async Task A_commit_is_one_write_and_no_write_is_larger_than_64_KiB()
    {
        var log = await Open();
        _store.Writes.Clear();

        ulong offset = 0;
        for (var commit = 0; commit < 100; commit++)
        {
            var room = log.Room;
            LogEntry[] entries = [.. Enumerable.Range(0, 4).Select(_ => Entry(++offset, bytes: 900))];
            await log.Commit(entries, isLast: room < 3 * 4200);
        }

        Assert.Equal(100, _store.Writes.Count);
        Assert.InRange(_store.LargestWrite, 40 << 10, 64 << 10);
        Assert.Equal(400, (await OpenFound()).Found.Entries.Count);
    }

    [Fact]
    public async Task A_commit_that_no_longer_fits_seals_the_segment_before_the_next_is_inserted()
    {
        var log = await Open();
        await log.Commit([Entry(1, bytes: 20 << 10)], false);
        _store.Writes.Clear();

        await log.Commit([Entry(2, bytes: 30 << 10)], false);

        Assert.Equal(["log-1", "log-2"], _store.Writes);
        Assert.Equal(2, (await OpenFound()).Found.Entries.Count);
    }

    [Fact]
    public async Task A_segment_that_would_not_take_another_commit_as_large_is_sealed_by_the_same_write()
    {
        var log = await Open();
        _store.Writes.Clear();

        await log.Commit([Entry(1, bytes: 30 << 10)], false);
        await log.Commit([Entry(2, bytes: 30 << 10)], false);

        Assert.Equal(["log-1", "log-2"], _store.Writes);
        Assert.Equal(ChannelLog.SegmentBytes, log.Room);
        Assert.Equal(2, (await OpenFound()).Found.Entries.Count);
    }

    [Fact]
    public async Task One_publication_may_be_larger_than_a_segment()
    {
        var log = await Open();
        await log.Commit([Entry(1)], false);
        await log.Commit([Entry(2, bytes: 64 << 10)], false);
        await log.Commit([Entry(3)], false);

        var (_, found) = await OpenFound();
        Assert.Equal([2, 64 << 10, 2], found.Entries.Select(e => e.Publication.Data.Length));
        Assert.Equal(["log-1", "log-2", "log-3"], _store.Records);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whoever_held_the_log_before_can_no_longer_append(bool behindSealed)
    {
        var before = await Open();
        await before.Commit([Entry(1)], isLast: behindSealed);
        var now = await Open();

        await Assert.ThrowsAsync<InconsistentStateException>(() => before.Commit([Entry(2, text: "stale")], false));
        await now.Commit([Entry(2)], false);
        await Assert.ThrowsAsync<InconsistentStateException>(before.Erase);

        Assert.Equal(["p1", "p2"], (await OpenFound()).Found.Entries.Select(e => e.Publication.Text()));
    }

    [Fact]
    public async Task Of_two_that_open_a_new_log_at_once_one_gives_way()
    {
        var atOnce = new TaskCompletionSource();
        _store.BeforeWrite = _ => atOnce.Task;
        var opening = new[] { Open(), Open() };
        atOnce.SetResult();

        Assert.Single(await Task.WhenAll(opening.Select(async open => (await Record.ExceptionAsync(() => open)) is InconsistentStateException)), conflict => conflict);
    }

    [Fact]
    public async Task Segments_nobody_needs_go_and_the_log_still_opens()
    {
        var log = await Open();
        for (ulong offset = 1; offset <= 10; offset++)
            await log.Commit([Entry(offset)], isLast: true);
        Assert.Equal(10, _store.Records.Count());

        log.Tidy(oldest: 8);

        Assert.Equal(["log", "log-10", "log-8", "log-9"], _store.Records);
        var (next, found) = await OpenFound();
        Assert.Equal(["p8", "p9", "p10"], found.Entries.Select(e => e.Publication.Text()));
        for (ulong offset = 11; offset <= 14; offset++)
        {
            next.Tidy(oldest: offset);
            Assert.Contains("log-8", _store.Records); // four at a time
            await next.Commit([Entry(offset)], isLast: offset < 14);
        }
        next.Tidy(oldest: 15);
        Assert.Equal(["log", "log-14"], _store.Records);
        Assert.Equal(14UL, (await OpenFound()).Found.Position.Offset);
    }

    [Fact]
    public async Task A_log_whose_head_could_not_be_written_when_segments_were_to_go_is_not_lost()
    {
        var log = await Open();
        for (ulong offset = 1; offset <= 10; offset++)
            await log.Commit([Entry(offset)], isLast: true);
        _store.BeforeWrite = name => name == "log" ? throw new IOException("away") : Task.CompletedTask;

        log.Tidy(oldest: 11);

        Assert.Equal(10UL, (await OpenFound()).Found.Position.Offset);
    }

    [Fact]
    public async Task Erased_history_stays_erased()
    {
        var log = await Open();
        await log.Commit([Entry(1), Entry(2)], isLast: true);
        await log.Erase();
        await log.Commit([Entry(3)], false);

        var (_, found) = await OpenFound();
        Assert.Equal((3UL, 2UL), (found.Position.Offset, found.Erased));
    }

    [Fact]
    public async Task A_new_epoch_begins_at_offset_0_and_hides_what_was_before()
    {
        var log = await Open();
        await log.Commit([Entry(1), Entry(2)], false);
        var epoch = new ChannelEpoch(5, 6, 7);
        await log.BeginEpoch(epoch);
        await log.Commit([Entry(1, text: "again")], false);

        var (_, found) = await OpenFound();
        Assert.Equal(new ChannelPosition(epoch, 1), found.Position);
        Assert.Equal(["again"], found.Entries.Select(e => e.Publication.Text()));
    }

    [Fact]
    public async Task A_segment_the_store_has_lost_ends_history_there()
    {
        var log = await Open();
        for (ulong offset = 1; offset <= 5; offset++)
            await log.Commit([Entry(offset)], isLast: true);
        log.Tidy(oldest: 1);
        _store.Restore([.. _store.Save().Where(r => r.Key.Item2 != "log-2")]);

        Assert.Equal(["p3", "p4", "p5"], (await OpenFound()).Found.Entries.Select(e => e.Publication.Text()));
    }

    [Fact]
    public async Task A_segment_the_store_has_set_back_ends_history_there()
    {
        var log = await Open();
        await log.Commit([Entry(1)], isLast: true);
        await log.Commit([Entry(2)], isLast: false);
        var before = _store.Save().Single(r => r.Key.Item2 == "log-2");
        await log.Commit([Entry(3)], isLast: true);
        for (ulong offset = 4; offset <= 6; offset++)
            await log.Commit([Entry(offset)], isLast: true);
        log.Tidy(oldest: 1);
        _store.Restore([.. _store.Save().Where(r => r.Key.Item2 != "log-2"), before]);

        Assert.Equal(["p4", "p5", "p6"], (await OpenFound()).Found.Entries.Select(e => e.Publication.Text()));
    }

    [Fact]
    public void A_damaged_segment_is_said_to_be_damaged()
    {
        Assert.Throws<InvalidDataException>(() => Codec.Decode(new byte[] { 9, 0, 0, 0, 1 }));
        Assert.Throws<InvalidDataException>(() => Codec.Decode(new byte[] { 1, 0 }));
        Assert.Throws<InvalidDataException>(() => Codec.Decode(new byte[] { 255, 255, 255, 255 }));
        Assert.Empty(Codec.Decode(ReadOnlyMemory<byte>.Empty));
    }

    /// <summary>
    /// Three activations that think the channel theirs, answers that get lost, writes that fail: whatever was acknowledged is in the log, once, where it
    /// was acknowledged.
    /// </summary>
    [Fact]
    public async Task Nothing_acknowledged_is_ever_lost_or_renumbered()
    {
        var step = Gen.Select(Gen.Int[0, 2], Gen.Int[0, 9], Gen.Int[1, 3], Gen.Bool, (holder, fault, count, seal) => (holder, fault, count, seal));
        await step.Array[1, 60].SampleAsync(async steps =>
        {
            var store = new TestStore();
            var holders = new (ChannelLog? Log, ulong Top)[3];
            Dictionary<ulong, string> acknowledged = [];
            var number = 0;
            foreach (var (holder, fault, count, seal) in steps)
            {
                store.BeforeWrite = fault == 0 ? _ => throw new IOException("not written") : _ => Task.CompletedTask;
                store.AfterWrite = fault == 1 ? _ => throw new IOException("written, answer lost") : _ => Task.CompletedTask;
                try
                {
                    if (holders[holder].Log is not { } log)
                    {
                        log = new ChannelLog(store, Channel, Codec);
                        holders[holder] = (log, (await log.Open(() => Epoch)).Position.Offset);
                        continue;
                    }
                    var top = holders[holder].Top;
                    var texts = Enumerable.Range(0, count).Select(_ => $"t{number++}").ToArray();
                    await log.Commit([.. texts.Select((text, i) => Entry(top + 1 + (ulong)i, text: text))], seal);
                    for (var i = 0; i < count; i++)
                        acknowledged.Add(top + 1 + (ulong)i, texts[i]); // throws when the offset was acknowledged before
                    holders[holder].Top += (ulong)count;
                }
                catch (Exception exception) when (exception is IOException or InconsistentStateException)
                {
                    holders[holder] = default;
                }
            }
            store.BeforeWrite = store.AfterWrite = _ => Task.CompletedTask;
            var found = await new ChannelLog(store, Channel, Codec).Open(() => Epoch);
            var stored = found.Entries.ToDictionary(e => e.Publication.Offset, e => e.Publication.Text());
            return acknowledged.All(a => stored.GetValueOrDefault(a.Key) == a.Value)
                && stored.Keys.Order().SequenceEqual(Enumerable.Range(1, stored.Count).Select(i => (ulong)i));
        }, iter: 2_000);
    }

    private async Task<ChannelLog> Open() => (await OpenFound()).Log;

    private async Task<(ChannelLog Log, OpenedLog Found)> OpenFound()
    {
        var log = new ChannelLog(_store, Channel, Codec);
        return (log, await log.Open(() => Epoch));
    }

    private static LogEntry Entry(ulong offset, string? key = null, int bytes = 0, string? text = null)
    {
        var data = bytes > 0 ? new byte[bytes] : Encoding.UTF8.GetBytes(text ?? string.Create(CultureInfo.InvariantCulture, $"p{offset}"));
        return new LogEntry(new Publication($"evt_{offset}", offset, data, PayloadShape.Value, DateTimeOffset.UnixEpoch), key, key is null ? 0UL : 7, key is null ? 0UL : 9);
    }
}
