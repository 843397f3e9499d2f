namespace OrleansNotify.Benchmarks.Load;

/// <summary>
/// What becomes of the time of publications on their way from place to place. Each publication by itself: its hops begin where the one before ended, so they
/// add up to its whole, and no quantile of a hop exceeds that of the whole.
/// </summary>
/// <param name="hops">What happens between each two places, in the order of the way.</param>
internal sealed class Budget(params string[] hops)
{
    private const int SlowestOf = 100; // one of so many

    private readonly List<long> _times = []; // of each publication its hops, then the whole; nanoseconds

    private int Columns => hops.Length + 1;

    /// <summary>Publications added.</summary>
    public int Count => _times.Count / Columns;

    /// <summary>Adds a publication.</summary>
    /// <param name="moments">When it was at each place, one more than there are hops; nanoseconds of one clock.</param>
    /// <exception cref="InvalidOperationException">It was at a place before it was at the one before, so the places are no way.</exception>
    public void Add(params ReadOnlySpan<long> moments)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(moments.Length, Columns);
        for (var hop = 0; hop < hops.Length; hop++)
        {
            if (moments[hop + 1] < moments[hop])
                throw new InvalidOperationException($"Publication {Count + 1} was at the end of \"{hops[hop]}\" {moments[hop] - moments[hop + 1]} ns before it was at its beginning.");
        }
        for (var hop = 0; hop < hops.Length; hop++)
            _times.Add(moments[hop + 1] - moments[hop]);
        _times.Add(moments[^1] - moments[0]);
    }

    /// <summary>Of each hop, and last of the whole (without a name), in the order of the way.</summary>
    /// <exception cref="InvalidOperationException">Nothing was added.</exception>
    public IReadOnlyList<BudgetRow> Rows()
    {
        if (Count == 0)
            throw new InvalidOperationException("There are no publications.");
        var slowest = Enumerable.Range(0, Count).OrderByDescending(publication => Time(publication, hops.Length)).Take((Count + SlowestOf - 1) / SlowestOf).ToArray();
        return [.. Enumerable.Range(0, Columns).Select(Row)];

        BudgetRow Row(int column)
        {
            var sorted = Enumerable.Range(0, Count).Select(publication => Time(publication, column)).Order().ToArray();
            return new BudgetRow(
                column < hops.Length ? hops[column] : null,
                sorted.Average() / 1000,
                Quantile(0.5),
                Quantile(0.99),
                slowest.Average(publication => Time(publication, column)) / 1000);

            // The least that this share of all does not exceed.
            double Quantile(double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1] / 1000.0;
        }
    }

    private long Time(int publication, int column) => _times[publication * Columns + column];
}

/// <summary>One line of a budget; times in microseconds.</summary>
/// <param name="Hop">Its name; null: the whole.</param>
/// <param name="Mean">Those of the hops add up to that of the whole.</param>
/// <param name="P50">Of this hop; those of the hops add up to nothing.</param>
/// <param name="P99">Likewise.</param>
/// <param name="Slowest">Mean over the hundredth of the publications whose whole took longest: adds up again, and says which hop made them slow.</param>
internal sealed record BudgetRow(string? Hop, double Mean, double P50, double P99, double Slowest);
