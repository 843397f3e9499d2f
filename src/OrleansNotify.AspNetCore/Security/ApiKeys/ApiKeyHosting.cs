using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace OrleansNotify.AspNetCore.Security.ApiKeys;

/// <summary>Puts the keys into a host.</summary>
internal static class ApiKeyHosting
{
    /// <summary>Adds <see cref="ApiKeys"/>, as <c>Notify:ApiKeys</c> says.</summary>
    public static IServiceCollection AddApiKeys(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<ApiKeyOptions>().Configure(options => configuration.GetSection(ApiKeyOptions.Section).BindStrictly(options.Keys)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ApiKeyOptions>, ApiKeyOptionsCheck>());
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ApiKeys>();
        return services;
    }
}
