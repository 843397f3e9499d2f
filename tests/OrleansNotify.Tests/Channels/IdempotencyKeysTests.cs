using System.Globalization;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Channels;

namespace OrleansNotify.Tests.Channels;

public sealed class IdempotencyKeysTests
{
    private const int Limit = 100;
    private static readonly TimeSpan Ttl = TimeSpan.FromMinutes(7);
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void A_key_is_known_for_its_time_and_no_longer_however_often_it_is_repeated()
    {
        var keys = new IdempotencyKeys(Limit, Ttl, _time);
        Add(keys, "k", 1);
        _time.Advance(Ttl - TimeSpan.FromTicks(1));
        Assert.True(keys.TryFind("k", _time.GetTimestamp(), out var known));
        Assert.Equal(1UL, known.Offset);
        _time.Advance(TimeSpan.FromTicks(1));
        Assert.False(keys.TryFind("k", _time.GetTimestamp(), out _));
        Assert.Equal(0, keys.Count);
    }

    [Fact]
    public void The_oldest_key_gives_way_to_one_too_many()
    {
        var keys = new IdempotencyKeys(Limit, Ttl, _time);
        for (var i = 0; i <= Limit; i++)
            Add(keys, Key(i), (ulong)i + 1);
        Assert.Equal(Limit, keys.Count);
        Assert.False(keys.TryFind(Key(0), _time.GetTimestamp(), out _));
        Assert.True(keys.TryFind(Key(1), _time.GetTimestamp(), out _));
    }

    [Fact]
    public void Time_left_is_that_of_the_newest_key()
    {
        var keys = new IdempotencyKeys(Limit, Ttl, _time);
        Assert.Equal(TimeSpan.Zero, keys.TimeLeft);
        Add(keys, "a", 1);
        _time.Advance(TimeSpan.FromMinutes(1));
        Add(keys, "b", 2);
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(TimeSpan.FromMinutes(6), keys.TimeLeft);
        Assert.Equal([("a", TimeSpan.FromMinutes(2)), ("b", TimeSpan.FromMinutes(1))], keys.Save().Select(k => (k.Key, k.Age)));
    }

    [Fact]
    public void Any_row_of_adds_and_pauses_knows_what_a_plain_list_would()
    {
        Gen.Select(Gen.Int[0, 20], Gen.Int[0, 90]).Array[1, 60].Sample(steps =>
        {
            var time = new FakeTimeProvider();
            var keys = new IdempotencyKeys(Limit, Ttl, time);
            Dictionary<string, (ulong Offset, DateTimeOffset At)> model = [];
            var offset = 0UL;
            foreach (var (key, pause) in steps)
            {
                time.Advance(TimeSpan.FromSeconds(pause));
                foreach (var old in model.Where(m => time.GetUtcNow() - m.Value.At >= Ttl).ToArray())
                    model.Remove(old.Key);
                var found = keys.TryFind(Key(key), time.GetTimestamp(), out var known);
                Assert.Equal(model.TryGetValue(Key(key), out var expected), found);
                Assert.Equal(expected.Offset, known.Offset);
                if (found)
                    continue;
                model[Key(key)] = (++offset, time.GetUtcNow());
                keys.Add(Key(key), new IdempotencyKeys.Known(0, "evt", offset, time.GetTimestamp()));
            }
        });
    }

    [Fact]
    public void Every_part_of_the_content_but_the_connection_is_in_the_fingerprint()
    {
        var plain = Fingerprint.Of(Some.Draft());
        Assert.Equal(plain, Fingerprint.Of(Some.Draft(key: "other", origin: "connection")));
        UInt128[] others =
        [
            plain, Fingerprint.Of(Some.Draft("2")), Fingerprint.Of(Some.Draft(@event: "a")), Fingerprint.Of(Some.Draft(tags: ["a"])),
            Fingerprint.Of(Some.Draft(tags: ["a", "b"])), Fingerprint.Of(Some.Draft(tags: ["ab"])), Fingerprint.Of(Some.Draft(publisher: "a")),
            Fingerprint.Of(Some.Draft("1a")), Fingerprint.Of(Some.Draft(@event: "")),
        ];
        Assert.Equal(others.Length, others.Distinct().Count());
    }

    private void Add(IdempotencyKeys keys, string key, ulong offset) => keys.Add(key, new IdempotencyKeys.Known(0, "evt", offset, _time.GetTimestamp()));

    private static string Key(int number) => number.ToString(CultureInfo.InvariantCulture);
}
