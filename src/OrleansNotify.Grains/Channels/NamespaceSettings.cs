using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using OrleansNotify.Protocol;

namespace OrleansNotify.Grains.Channels;

/// <summary>Reads <c>Notify:Namespaces</c>, and lets nothing pass that is unknown, malformed or out of range: a host with a bad setting does not start.</summary>
internal sealed class NamespaceSettings(IConfiguration configuration) : IConfigureOptions<ChannelNamespaces>, IValidateOptions<ChannelNamespaces>
{
    private const string Section = "Notify:Namespaces";

    /// <inheritdoc />
    public void Configure(ChannelNamespaces options)
    {
        foreach (var section in configuration.GetSection(Section).GetChildren())
        {
            if (!options.Namespaces.TryGetValue(section.Key, out var settings))
                options.Namespaces[section.Key] = settings = new NamespaceOptions();
            try
            {
                section.Bind(settings, binder => binder.ErrorOnUnknownConfiguration = true);
            }
            catch (InvalidOperationException problem)
            {
                throw new OptionsValidationException(Options.DefaultName, typeof(ChannelNamespaces), [$"{Section}:{section.Key}: {problem.Message}"]);
            }
        }
    }

    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, ChannelNamespaces options)
    {
        List<string> problems = [];
        foreach (var (key, settings) in options.Namespaces)
        {
            if (!IsName(key))
                problems.Add($"{Section}:{key}: a namespace is 1 to {ChannelName.MaxNamespaceLength} of A-Z a-z 0-9 _ -.");
            if (!Enum.IsDefined(settings.Class))
                problems.Add($"{Section}:{key}:{nameof(NamespaceOptions.Class)} ({settings.Class}) must be one of {string.Join(", ", Enum.GetNames<ChannelClass>())}.");
            if (settings is { ForceRecovery: true, Class: ChannelClass.Ephemeral })
                problems.Add($"{Section}:{key}:{nameof(NamespaceOptions.ForceRecovery)} (true) needs {Section}:{key}:{nameof(NamespaceOptions.Class)} ({settings.Class}) to be one that keeps history.");
            var results = new List<ValidationResult>();
            Validator.TryValidateObject(settings, new ValidationContext(settings), results, validateAllProperties: true);
            problems.AddRange(results.Select(r => $"{Section}:{key}:{r.MemberNames.FirstOrDefault()}: {r.ErrorMessage}"));
        }
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static bool IsName(string key) =>
        key.Length is > 0 and <= ChannelName.MaxNamespaceLength && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
}
