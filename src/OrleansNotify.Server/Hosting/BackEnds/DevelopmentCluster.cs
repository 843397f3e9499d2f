namespace OrleansNotify.Server.Hosting.BackEnds;

/// <summary>All silos on this machine; the first one is the membership table.</summary>
internal sealed class DevelopmentCluster(ClusterOptions options) : IBackEnd
{
    /// <inheritdoc />
    public void Configure(ISiloBuilder silo) =>
        silo.UseLocalhostClustering(options.SiloPort, options.GatewayPort, options.PrimaryEndpoint, BackEndPlan.ServiceId, options.ClusterId);

    /// <inheritdoc />
    public Task Check(CancellationToken cancellationToken) => Task.CompletedTask;
}
