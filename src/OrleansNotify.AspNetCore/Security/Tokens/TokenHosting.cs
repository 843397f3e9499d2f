using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace OrleansNotify.AspNetCore.Security.Tokens;

/// <summary>Puts the verifier into a host.</summary>
internal static class TokenHosting
{
    /// <summary>Adds <see cref="TokenVerifier"/>, as <c>Notify:Tokens</c> says.</summary>
    public static IServiceCollection AddTokens(this IServiceCollection services, IConfiguration configuration)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddOptions<TokenOptions>().Configure(options => configuration.GetSection(TokenOptions.Section).BindStrictly(options)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TokenOptions>, TokenOptionsCheck>());
        services.TryAddSingleton(s => new JwksCache(
            JwksSource.Of(s.GetRequiredService<IOptions<TokenOptions>>().Value), s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<JwksCache>>()));
        services.TryAddSingleton<RevokedTokens>();
        services.TryAddSingleton<TokenVerifier>();
        services.TryAddSingleton<RevocationReader>();
        services.AddHostedService(s => s.GetRequiredService<RevocationReader>());
        services.AddHostedService<JwksRefresh>();
        return services;
    }
}
