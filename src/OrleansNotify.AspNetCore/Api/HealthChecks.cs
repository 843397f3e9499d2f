using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>Whether the silo is an active member of its cluster.</summary>
internal sealed class SiloHealth(IClusterMembershipService membership, ILocalSiloDetails self) : IHealthCheck
{
    /// <inheritdoc />
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var status = membership.CurrentSnapshot.GetSiloStatus(self.SiloAddress);
        return Task.FromResult(status == SiloStatus.Active
            ? HealthCheckResult.Healthy()
            : HealthCheckResult.Unhealthy($"the silo is not active in its cluster ({status})"));
    }
}

/// <summary>Whether connections get everything they are due: the front-end, and the stream behind it.</summary>
internal sealed class FrontEndHealth(IFrontEndReadiness? frontEnd = null) : IHealthCheck
{
    /// <inheritdoc />
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(frontEnd is null || frontEnd.IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(frontEnd.Reason));
}

/// <summary>Whether the host goes on: from the first moment of a stop it is not to get new clients.</summary>
internal sealed class HostHealth(IHostApplicationLifetime lifetime) : IHealthCheck
{
    /// <inheritdoc />
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(lifetime.ApplicationStopping.IsCancellationRequested ? HealthCheckResult.Unhealthy("the server is stopping") : HealthCheckResult.Healthy());
}

/// <summary>Names of the checks and what is asked by which address.</summary>
internal static class Health
{
    /// <summary>Tag of what must be well for the silo to get clients.</summary>
    public const string Ready = "ready";

    /// <summary><c>/health/live</c> asks nothing: that it answers is the answer. A silo that cannot reach its cluster is not cured by a restart.</summary>
    public static HealthCheckOptions Live { get; } = Options(_ => false);

    /// <summary>
    /// <c>/health/ready</c>. It does not ask the membership table or the store: all silos share them, so an outage would make every silo unready at once, and
    /// a balancer would cut off live subscribers and recoverable channels, which need neither. Whoever needs them is told so by a 503 of his own.
    /// </summary>
    public static HealthCheckOptions Readiness { get; } = Options(check => check.Tags.Contains(Ready));

    /// <summary><c>/health</c>: all there is, the host's own checks included.</summary>
    public static HealthCheckOptions All { get; } = Options(_ => true);

    private static HealthCheckOptions Options(Func<HealthCheckRegistration, bool> which) => new() { Predicate = which, ResponseWriter = Write };

    private static Task Write(HttpContext context, HealthReport report)
    {
        ApiProblem.SayWhenToComeBack(context.Response, context.Response.StatusCode);
        var checks = report.Entries.ToDictionary(
            entry => entry.Key,
            entry => entry.Value.Status == HealthStatus.Healthy ? "healthy" : entry.Value.Description ?? entry.Value.Exception?.GetType().Name ?? "unhealthy",
            StringComparer.Ordinal);
        var status = report.Status == HealthStatus.Unhealthy ? "unhealthy" : "healthy";
        return context.Response.WriteAsJsonAsync(new HealthReply(status, checks), ApiJson.Default.HealthReply, cancellationToken: context.RequestAborted);
    }
}
