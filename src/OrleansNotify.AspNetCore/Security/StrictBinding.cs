using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace OrleansNotify.AspNetCore.Security;

/// <summary>Reads settings on which it depends who gets in: a misspelt one would silently leave its door open.</summary>
internal static class StrictBinding
{
    /// <summary>Reads a section.</summary>
    /// <exception cref="OptionsValidationException">A setting is unknown or cannot be read; the sentence names the section.</exception>
    public static void BindStrictly<T>(this IConfigurationSection section, T options)
        where T : class
    {
        try
        {
            section.Bind(options, binder => binder.ErrorOnUnknownConfiguration = true);
        }
        catch (InvalidOperationException problem)
        {
            throw new OptionsValidationException(Options.DefaultName, typeof(T), [$"{section.Path}: {problem.Message}"]);
        }
    }
}
