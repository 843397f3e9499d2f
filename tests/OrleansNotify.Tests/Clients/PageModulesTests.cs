using System.Globalization;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Clients;

public sealed class PageModulesTests : IClassFixture<NodeClients>
{
    [Fact]
    public async Task The_modules_of_the_page_pass_their_own_tests()
    {
        // ChildProcess.Run throws, with the report, when one fails.
        var report = await ChildProcess.Run("node", ["--test", "--test-reporter=tap"], NodeClients.Folder, TimeSpan.FromMinutes(1));

        Assert.Equal(40, Count(report, "# pass "));
        Assert.Equal(0, Count(report, "# skipped "));
    }

    private static int Count(IReadOnlyList<string> report, string name) =>
        int.Parse(report.Single(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..], CultureInfo.InvariantCulture);
}
