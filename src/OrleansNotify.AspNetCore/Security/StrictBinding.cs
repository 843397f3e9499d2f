using System.Globalization;
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

    /// <summary>Reads a list, entry by entry: bound as a list, one that cannot be read would be left out without a word.</summary>
    /// <exception cref="OptionsValidationException">An entry has no number, or as above.</exception>
    public static void BindStrictly<T>(this IConfigurationSection section, IList<T> list)
        where T : class, new()
    {
        foreach (var entry in section.GetChildren())
        {
            if (!int.TryParse(entry.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                throw new OptionsValidationException(Options.DefaultName, typeof(T), [$"{entry.Path}: {section.Path} is a list; its entries are {section.Path}:0, :1 and so on."]);
            var item = new T();
            entry.BindStrictly(item);
            list.Add(item);
        }
    }
}
