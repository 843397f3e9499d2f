using System.Globalization;
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
        services.AddOptions<ApiKeyOptions>().Configure(options => Read(configuration.GetSection(ApiKeyOptions.Section), options)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<ApiKeyOptions>, ApiKeyOptionsCheck>());
        services.TryAddSingleton<ApiKeys>();
        return services;
    }

    // One by one: bound as a list, an entry that cannot be read would be left out without a word.
    private static void Read(IConfigurationSection section, ApiKeyOptions options)
    {
        foreach (var entry in section.GetChildren())
        {
            if (!int.TryParse(entry.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                throw new OptionsValidationException(Options.DefaultName, typeof(ApiKeyOptions), [$"{entry.Path}: {ApiKeyOptions.Section} is a list; its entries are {ApiKeyOptions.Section}:0, :1 and so on."]);
            var key = new ApiKeySettings();
            entry.BindStrictly(key);
            options.Keys.Add(key);
        }
    }
}
