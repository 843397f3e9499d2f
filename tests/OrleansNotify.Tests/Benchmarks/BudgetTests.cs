using CsCheck;
using OrleansNotify.Benchmarks.Load;

namespace OrleansNotify.Tests.Benchmarks;

public class BudgetTests
{
    [Fact]
    public void Known_moments_give_known_rows_and_hops_add_up_to_the_whole()
    {
        var budget = new Budget("read", "write");
        for (var i = 1; i <= 200; i++) // read takes 1 … 200 µs, write 10; the two slowest hang 1 ms in write
            budget.Add(5_000, 5_000 + i * 1000, 5_000 + i * 1000 + (i > 198 ? 1_000_000 : 10_000));

        Assert.Equal(200, budget.Count);
        Assert.Equal(
            [
                new BudgetRow("read", 100.5, 100, 198, 199.5),
                new BudgetRow("write", 19.9, 10, 10, 1000),
                new BudgetRow(null, 120.4, 110, 208, 1199.5),
            ],
            budget.Rows());
    }

    [Fact]
    public void Whatever_the_moments_no_hop_exceeds_the_whole_and_means_add_up() =>
        Gen.Long[0, 1_000_000].Array[4].Array[1, 300].Sample(publications =>
        {
            var budget = new Budget("a", "b", "c", "d");
            foreach (var hops in publications)
                budget.Add(7, 7 + hops[0], 7 + hops[0] + hops[1], 7 + hops[0] + hops[1] + hops[2], 7 + hops.Sum());
            var rows = budget.Rows();
            var (whole, parts) = (rows[^1], rows.Take(4).ToArray());
            return parts.All(part => part.P50 <= whole.P50 && part.P99 <= whole.P99)
                && Math.Abs(parts.Sum(part => part.Mean) - whole.Mean) < 1e-6
                && Math.Abs(parts.Sum(part => part.Slowest) - whole.Slowest) < 1e-6;
        });

    [Fact]
    public void A_place_that_comes_before_the_one_before_is_an_error_and_counts_for_nothing()
    {
        var budget = new Budget("read", "write");

        var error = Assert.Throws<InvalidOperationException>(() => budget.Add(100, 300, 250));

        Assert.Equal("Publication 1 was at the end of \"write\" 50 ns before it was at its beginning.", error.Message);
        Assert.Equal(0, budget.Count);
        Assert.Equal("There are no publications.", Assert.Throws<InvalidOperationException>(() => budget.Rows()).Message);
    }
}
