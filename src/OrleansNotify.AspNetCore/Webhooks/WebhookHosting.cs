using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.FrontEnd;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.Grains.Silos;

namespace OrleansNotify.AspNetCore.Webhooks;

/// <summary>Puts the webhooks into a host.</summary>
internal static class WebhookHosting
{
    /// <summary>Adds the hooks of <c>Notify:Webhooks</c>, and lets them be told by connections and channels.</summary>
    public static IServiceCollection AddWebhooks(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<WebhookOptions>().Configure(options => configuration.GetSection(WebhookOptions.Section).BindStrictly(options.Hooks)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<WebhookOptions>, WebhookOptionsCheck>());
        services.AddSingleton<WebhookEvents>();
        services.AddSingleton<IConnectionWatch>(s => s.GetRequiredService<WebhookEvents>());
        services.AddSingleton<IChannelWatch>(s => s.GetRequiredService<WebhookEvents>());
        services.AddHostedService<WebhookService>();
        return services;
    }
}
