using System.Globalization;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Server.Verbs;

/// <summary><c>api-key</c>: makes a key, prints it once, and prints the settings that let it in. It is kept nowhere: only its hash is configured.</summary>
internal static class ApiKeyVerb
{
    /// <summary>Makes one and returns the exit code.</summary>
    /// <param name="args">What stands behind the verb.</param>
    /// <param name="output">Where it is printed.</param>
    /// <exception cref="StartException">It cannot be made.</exception>
    public static int Run(string[] args, TextWriter output)
    {
        var arguments = new VerbArguments(args, "--name", "--scopes", "--channels");
        var name = arguments.Required("--name", "what the key shall be called");
        if (!ApiKeyOptionsCheck.IsName(name))
            throw new StartException($"--name takes 1 to 64 of A-Z a-z 0-9 _ . -, not '{name}'.");
        var scopes = List(arguments.Required("--scopes", "publish, read or admin, joined by commas"));
        if (scopes.FirstOrDefault(scope => !ApiKeys.TryReadScope(scope, out _)) is { } unknown)
            throw new StartException($"--scopes takes publish, read or admin, joined by commas, not '{unknown}'.");
        var channels = arguments.Optional("--channels") is { } wanted ? List(wanted) : [];
        if (!ChannelGrants.TryRead(channels, out _, out var wrong))
            throw new StartException($"--channels takes channels and patterns such as chat.* or chat.**, joined by commas, not '{channels[wrong.Value]}'.");

        var configured = arguments.Configuration.GetSection(ApiKeyOptions.Section).GetChildren().ToList();
        if (configured.Exists(key => key[nameof(ApiKeySettings.Name)] == name))
            throw new StartException($"{ApiKeyOptions.Section} has a key called '{name}' already: names must differ.");
        var index = configured.Select(key => int.TryParse(key.Key, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number + 1 : 0).DefaultIfEmpty().Max();
        Print(output, index, name, scopes, channels);
        return 0;
    }

    private static void Print(TextWriter output, int index, string name, string[] scopes, string[] channels)
    {
        var key = ApiKeySecret.New();
        output.WriteLine($"The key, shown this once: {key}");
        output.WriteLine();
        output.WriteLine("Settings (environment variables; none of them is a secret):");
        var prefix = string.Create(CultureInfo.InvariantCulture, $"  Notify__ApiKeys__{index}__");
        output.WriteLine($"{prefix}Name={name}");
        output.WriteLine($"{prefix}Hash={Convert.ToHexStringLower(ApiKeySecret.Hash(key))}");
        for (var i = 0; i < scopes.Length; i++)
            output.WriteLine($"{prefix}Scopes__{i}={scopes[i]}");
        for (var i = 0; i < channels.Length; i++)
            output.WriteLine($"{prefix}Channels__{i}={channels[i]}");
    }

    private static string[] List(string text) => [.. text.Split(',', StringSplitOptions.TrimEntries).Distinct(StringComparer.Ordinal)];
}
