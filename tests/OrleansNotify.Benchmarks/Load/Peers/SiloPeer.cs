using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks.Load.Peers;

/// <summary>A bare Orleans silo behind a bare Kestrel: what an empty server and an empty grain cost before any of ours.</summary>
internal static class SiloPeer
{
    public static WebApplication Build(WebApplicationBuilder builder)
    {
        builder.UseOrleans(silo => silo.UseLocalhostClustering(Ports.Free(), Ports.Free()));
        var app = builder.Build();
        app.MapPost("/grains/{count}", (RequestDelegate)(async context =>
        {
            var grains = context.RequestServices.GetRequiredService<IGrainFactory>();
            var count = int.Parse((string)context.Request.RouteValues["count"]!, CultureInfo.InvariantCulture);
            await Parallel.ForAsync(0, count, async (i, _) => await grains.GetGrain<IEmptyGrain>(i.ToString("x8", CultureInfo.InvariantCulture)).Activate());
        }));
        return app;
    }
}

/// <summary>Does nothing.</summary>
[Alias("benchmarks.empty")]
public interface IEmptyGrain : IGrainWithStringKey
{
    /// <summary>Is there afterwards.</summary>
    [Alias("activate")]
    Task Activate();
}

internal sealed class EmptyGrain : Grain, IEmptyGrain
{
    public Task Activate() => Task.CompletedTask;
}
