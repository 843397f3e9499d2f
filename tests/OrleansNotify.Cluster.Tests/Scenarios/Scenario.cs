using Xunit.Abstractions;

namespace OrleansNotify.Cluster.Tests.Scenarios;

/// <summary>
/// Plays a scenario, and once more when it broke nothing but a limit of time: on two cores that others share, seconds may have gone to them. Whatever
/// else a test finds fails at once.
/// </summary>
internal static class Scenario
{
    /// <summary>Plays it.</summary>
    public static async Task Play(ITestOutputHelper output, Func<Task> scenario)
    {
        try
        {
            await scenario();
        }
        catch (LimitExceededException exceeded)
        {
            output.WriteLine($"Played once more, because of: {exceeded.Message}");
            await scenario();
        }
    }
}
