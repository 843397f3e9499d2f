using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;

namespace OrleansNotify.Tests.Security;

/// <summary>A server that listens where a test says, and does nothing else.</summary>
internal sealed class AddressedServer : IServer, IServerAddressesFeature
{
    public AddressedServer() => Features.Set<IServerAddressesFeature>(this);

    public IFeatureCollection Features { get; } = new FeatureCollection();

    public ICollection<string> Addresses { get; } = [];

    public bool PreferHostingUrls { get; set; }

    public void Dispose()
    {
    }

    public Task StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
        where TContext : notnull => throw new NotSupportedException();

    public Task StopAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
}
