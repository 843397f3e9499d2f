using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>The server with one choice made otherwise.</summary>
/// <param name="Name">On the command line.</param>
/// <param name="What">In the table.</param>
/// <param name="Change">Makes it; called when all services have been added.</param>
internal sealed record FailoverVariant(string Name, string What, Action<IServiceCollection> Change)
{
    /// <summary>The verb that runs a silo of a variant: it, the variant, <c>dotnet</c>, the server's binary, and the server's arguments.</summary>
    public const string Verb = "failover-silo";

    /// <summary>Ours first.</summary>
    public static IReadOnlyList<FailoverVariant> All { get; } =
    [
        new("ours", "as shipped: distributed directory, lease 0; probe 1 s, 2 missed, 2 votes", _ => { }),
        new("default-directory", "Orleans' default directory", RemoveDistributedDirectory),
        new("lease", "distributed directory with its default lease", services =>
        {
            var lease = new GrainDirectoryOptions().RangeLeaseDuration;
            services.PostConfigure<GrainDirectoryOptions>(directory => directory.RangeLeaseDuration = lease);
        }),
        new("one-vote", "1 vote", services => services.PostConfigure<ClusterMembershipOptions>(membership => membership.NumVotesForDeathDeclaration = 1)),
        new("patient", "Orleans' default membership options", services => services.PostConfigure<ClusterMembershipOptions>(membership =>
        {
            var orleans = new ClusterMembershipOptions();
            membership.ProbeTimeout = orleans.ProbeTimeout;
            membership.MaxProbeTimeout = orleans.MaxProbeTimeout;
            membership.NumMissedProbesLimit = orleans.NumMissedProbesLimit;
            membership.NumVotesForDeathDeclaration = orleans.NumVotesForDeathDeclaration;
            membership.TableRefreshTimeout = orleans.TableRefreshTimeout;
            membership.IAmAliveTablePublishTimeout = orleans.IAmAliveTablePublishTimeout;
        })),
    ];

    /// <summary>Runs a silo until it is told to stop.</summary>
    public static async Task RunSiloAsync(string name, string[] arguments)
    {
        var variant = All.Single(variant => variant.Name == name);
        var app = NotifyServer.Build(arguments, builder => builder.Host.UseServiceProviderFactory(new LastWord(variant.Change)));
        await NotifyServer.StartAsync(app);
        await app.WaitForShutdownAsync();
    }

    // Whatever Orleans adds for it.
    private static void RemoveDistributedDirectory(IServiceCollection services)
    {
        var builder = new ServicesOnly();
#pragma warning disable ORLEANSEXP003 // To know what it is.
        builder.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        foreach (var added in builder.Services.Where(service => service.ServiceType.Assembly != typeof(IOptions<>).Assembly))
        {
            var same = services.LastOrDefault(service => service.ServiceType == added.ServiceType && Equals(service.ServiceKey, added.ServiceKey) && Implementation(service) == Implementation(added));
            if (same is not null)
                services.Remove(same);
        }

        static object? Implementation(ServiceDescriptor service) => service.IsKeyedService
            ? service.KeyedImplementationType ?? (object?)service.KeyedImplementationFactory?.Method
            : service.ImplementationType ?? (object?)service.ImplementationFactory?.Method;
    }

    private sealed class ServicesOnly : ISiloBuilder
    {
        public IServiceCollection Services { get; } = new ServiceCollection();

        public IConfiguration Configuration { get; } = new ConfigurationManager();
    }
}
