using Microsoft.Extensions.DependencyInjection;

namespace OrleansNotify.Benchmarks.Load;

/// <summary>Changes services when all have been added.</summary>
internal sealed class LastWord(Action<IServiceCollection> change) : IServiceProviderFactory<IServiceCollection>
{
    public IServiceCollection CreateBuilder(IServiceCollection services) => services;

    public IServiceProvider CreateServiceProvider(IServiceCollection services)
    {
        change(services);
        return services.BuildServiceProvider();
    }
}
