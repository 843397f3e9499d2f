using System.Text.RegularExpressions;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Benchmarks;

public partial class ResultsTests
{
    private static readonly string Project = Repository.PathOf("tests", "OrleansNotify.Benchmarks");

    [Fact]
    public async Task The_README_has_the_verbs_of_the_program_with_what_they_write_and_how_long_they_take_and_every_result_is_of_one_of_them()
    {
        await using var program = LoadTests.Start();
        Assert.Equal(2, await program.Exited());

        var verbs = program.Lines.Select(line => Usage().Match(line)).Where(line => line.Success).Select(line => (Name: line.Groups["verb"].Value, Writes: line.Groups["file"].Value, Takes: line.Groups["takes"].Value)).ToArray();
        var rows = File.ReadLines(Path.Combine(Project, "README.md")).Select(line => Row().Match(line)).Where(row => row.Success).ToArray();
        Assert.Equal(10, verbs.Length);
        Assert.Equal(verbs.Select(verb => verb.Name), rows.Select(row => row.Groups["verb"].Value));
        Assert.All(verbs.Zip(rows), pair =>
        {
            Assert.Contains($"`{pair.First.Writes}`", pair.Second.Groups["writes"].Value, StringComparison.Ordinal);
            Assert.Contains($" {pair.First.Takes}.", pair.Second.Groups["takes"].Value, StringComparison.Ordinal);
        });
        Assert.All(Directory.GetFiles(Path.Combine(Project, "results")), file => Assert.Single(rows, row => row.Groups["writes"].Value.Contains($"`{Path.GetFileName(file)}`", StringComparison.Ordinal)));
    }

    [Fact]
    public void No_result_names_a_folder_of_the_machine_it_was_made_on() =>
        Assert.All(Directory.GetFiles(Path.Combine(Project, "results")), file => Assert.DoesNotMatch(MachinePath(), File.ReadAllText(file)));

    // | `verb options` | question | `file`, `file` | needs; duration. … |
    [GeneratedRegex(@"^\| `(?<verb>\w+)[^`]*` \|[^|]*\|(?<writes>[^|]*)\|(?<takes>[^|]*)\|$")]
    private static partial Regex Row();

    // "  verb [options]   question → file … (duration)"
    [GeneratedRegex(@"^  (?<verb>[a-z]+) .* → (?<file>\S+\.md)\b.* \((?<takes>[^)]+)\)$")]
    private static partial Regex Usage();

    [GeneratedRegex(@"(?<![\w./])/(tmp|home|root|work|var|Users)/")]
    private static partial Regex MachinePath();
}
