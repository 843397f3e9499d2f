using System.Text;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace OrleansNotify.Benchmarks.Micro;

/// <summary>All classes of micro-benchmarks in one table. Writes <c>results/micro.md</c>.</summary>
internal static class MicroMeasurement
{
    // The others say how sure the first is, or repeat the class and its job.
    private static readonly string[] Columns = ["Method", "Patterns", "Mean", "Error", "Ratio", "Allocated", "Alloc Ratio"];

    // Left to itself BenchmarkDotNet measures up to 100 times, until it is sure: on a noisy machine half an hour.
    private static readonly IConfig Bounded = DefaultConfig.Instance.AddJob(Job.Default.WithWarmupCount(6).WithIterationCount(15));

    /// <summary>Runs the verb.</summary>
    /// <param name="arguments">BenchmarkDotNet's options; its own reports are then all there is.</param>
    public static async Task<int> RunAsync(string[] arguments)
    {
        var all = BenchmarkSwitcher.FromAssembly(typeof(MicroMeasurement).Assembly);
        var summaries = (arguments.Length > 0 ? all.Run(arguments) : all.RunAll(Bounded)).ToArray();
        if (summaries.Any(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)))
            return 1;
        if (arguments.Length == 0)
            await Results.WriteAsync("micro.md", Table(summaries));
        return 0;
    }

    private static string Table(Summary[] summaries)
    {
        var text = new StringBuilder("# Pieces of code\n\nEach beside a baseline of its class; what they ask is said at its head in `Micro/`. ").AppendLine("To repeat: `dotnet run -c Release --project tests/OrleansNotify.Benchmarks -- micro`.")
            .AppendLine().AppendLine("```").AppendJoin(Environment.NewLine, summaries[0].HostEnvironmentInfo.ToFormattedString()).AppendLine().AppendLine("```");
        foreach (var summary in summaries)
        {
            var columns = summary.Table.Columns.Where(column => column.NeedToShow && Columns.Contains(column.Header)).ToArray();
            text.AppendLine().AppendLine($"## {summary.BenchmarksCases[0].Descriptor.Type.Name.Replace("Benchmarks", "", StringComparison.Ordinal)}").AppendLine()
                .AppendLine($"| {string.Join(" | ", columns.Select(column => column.Header))} |")
                .AppendLine($"|{string.Concat(columns.Select(_ => "---|"))}");
            for (var row = 0; row < summary.Table.FullContent.Length; row++)
                text.AppendLine($"| {string.Join(" | ", columns.Select(column => column.Content[row]))} |");
        }
        return text.ToString();
    }
}
