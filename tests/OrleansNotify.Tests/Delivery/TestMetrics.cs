using Microsoft.Extensions.DependencyInjection;
using OrleansNotify.AspNetCore.Telemetry;

namespace OrleansNotify.Tests.Delivery;

/// <summary>Metrics of their own for a test.</summary>
internal static class TestMetrics
{
    public static NotifyMetrics Create() =>
        ActivatorUtilities.CreateInstance<NotifyMetrics>(new ServiceCollection().AddMetrics().AddSingleton<AspNetCore.FrontEnd.SubscriptionCounts>().AddSingleton(TimeProvider.System).BuildServiceProvider());
}
