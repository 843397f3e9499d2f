using System.Net;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using OrleansNotify.Grains.Stats;

namespace OrleansNotify.Tests.Stats;

public sealed class ClusterCountsTests
{
    private static readonly SiloAddress One = Silo(1);
    private static readonly SiloAddress Two = Silo(2);

    private readonly FakeTimeProvider _time = new();
    private readonly ClusterCounts _counts;

    public ClusterCountsTests() => _counts = new ClusterCounts(_time);

    [Fact]
    public void Snapshots_and_deltas_of_all_silos_add_up()
    {
        Assert.True(Snapshot(One, 1, 2, ("a", 2), ("b", 1)));
        Assert.True(Snapshot(Two, 5, 1, ("a", 1)));
        Assert.True(Delta(One, 2, 3, ("a", 3), ("b", 0), ("c", 1)));

        var sum = _counts.Sum([One, Two]);

        Assert.Equal((4, 2, false), (sum.Connections, sum.Silos, sum.Partial));
        Assert.Equal([("a", 4), ("c", 1)], sum.Channels.OrderBy(c => c.Key).Select(c => (c.Key, c.Value)));
        Assert.Equal((4, 0), (_counts.Of("a"), _counts.Of("b")));
        Assert.Equal((20L, 200L), (sum.Published, sum.Delivered));
    }

    [Fact]
    public void A_gap_asks_for_a_snapshot_and_changes_nothing()
    {
        Assert.False(Delta(One, 1, 1, ("a", 1))); // fresh activation
        Assert.True(Snapshot(One, 2, 1, ("a", 1)));
        Assert.False(Delta(One, 4, 9, ("a", 9)));
        Assert.Equal((1, 1), (_counts.Sum([One]).Connections, _counts.Of("a")));
        Assert.True(Snapshot(One, 5, 2, ("b", 2)));
        Assert.Equal((2, 0, 2), (_counts.Sum([One]).Connections, _counts.Of("a"), _counts.Of("b")));
    }

    [Fact]
    public void A_report_that_was_overtaken_is_ignored()
    {
        Snapshot(One, 3, 3, ("a", 3));
        Assert.True(Delta(One, 2, 2, ("a", 2)));
        Assert.True(Snapshot(One, 1, 1, ("a", 1)));
        Assert.Equal((3, 3), (_counts.Sum([One]).Connections, _counts.Of("a")));
    }

    [Fact]
    public void The_dead_are_left_out()
    {
        Snapshot(One, 1, 1, ("a", 1));
        Snapshot(Two, 1, 2, ("a", 2), ("b", 1));

        _counts.DropLost(silo => silo.Equals(Two));

        var sum = _counts.Sum([One]);
        Assert.Equal((1, 1, false), (sum.Connections, sum.Silos, sum.Partial));
        Assert.Equal([("a", 1)], sum.Channels.Select(c => (c.Key, c.Value)));
    }

    [Fact]
    public void The_silent_are_left_out_after_three_periods_and_have_to_begin_anew()
    {
        Snapshot(One, 1, 1, ("a", 1));
        _time.Advance(TimeSpan.FromSeconds(3));
        _counts.DropLost(_ => false);
        Assert.Equal(1, _counts.Of("a"));

        _time.Advance(TimeSpan.FromMilliseconds(1));
        _counts.DropLost(_ => false);

        Assert.Equal(0, _counts.Of("a"));
        Assert.True(_counts.Sum([One]).Partial);
        Assert.False(Delta(One, 2, 1));
    }

    [Fact]
    public void A_silo_that_owes_its_first_report_is_waited_for_one_second_and_then_missing()
    {
        Snapshot(One, 1, 1);
        Assert.Equal(TimeSpan.FromSeconds(1), _counts.WaitFor([One, Two]));
        _time.Advance(TimeSpan.FromMilliseconds(600));
        Assert.Equal(TimeSpan.FromMilliseconds(400), _counts.WaitFor([One, Two]));
        _time.Advance(TimeSpan.FromMilliseconds(400));
        Assert.Equal(TimeSpan.Zero, _counts.WaitFor([One, Two]));
        Assert.True(_counts.Sum([One, Two]).Partial);

        Snapshot(Two, 1, 1);

        Assert.Equal(TimeSpan.Zero, _counts.WaitFor([One, Two]));
        Assert.False(_counts.Sum([One, Two]).Partial);
    }

    [Fact]
    public void Whatever_is_reported_the_sums_are_those_of_the_last_reports()
    {
        var report = Gen.Select(Gen.Int[0, 3], Gen.Bool, Gen.Dictionary(Gen.Int[0, 5].Select(n => $"c{n}"), Gen.Int[0, 4])[0, 4]);
        report.Array[0, 60].Sample(reports =>
        {
            var counts = new ClusterCounts(new FakeTimeProvider());
            var expected = new Dictionary<int, Dictionary<string, int>>();
            var numbers = new long[4];
            foreach (var (silo, wantsSnapshot, channels) in reports)
            {
                var isSnapshot = wantsSnapshot || !expected.ContainsKey(silo);
                if (isSnapshot)
                    expected[silo] = [];
                foreach (var (channel, count) in channels)
                    expected[silo][channel] = count;
                Assert.True(counts.Report(new SiloReport(Silo(silo), ++numbers[silo], isSnapshot, 0, channels, 0, 0)));
            }
            var sums = expected.Values.SelectMany(c => c).GroupBy(c => c.Key).Select(g => (g.Key, Sum: g.Sum(c => c.Value))).Where(c => c.Sum > 0).OrderBy(c => c.Key);
            Assert.Equal(sums, counts.Sum([]).Channels.Select(c => (c.Key, Sum: c.Value)).OrderBy(c => c.Key));
        });
    }

    private static SiloAddress Silo(int port) => SiloAddress.New(IPAddress.Loopback, 40_000 + port, 1);

    private bool Snapshot(SiloAddress silo, long number, int connections, params (string, int)[] channels) => Report(silo, number, true, connections, channels);

    private bool Delta(SiloAddress silo, long number, int connections, params (string, int)[] channels) => Report(silo, number, false, connections, channels);

    private bool Report(SiloAddress silo, long number, bool isSnapshot, int connections, (string Channel, int Count)[] channels) =>
        _counts.Report(new SiloReport(silo, number, isSnapshot, connections, channels.ToDictionary(c => c.Channel, c => c.Count), 10, 100));
}
