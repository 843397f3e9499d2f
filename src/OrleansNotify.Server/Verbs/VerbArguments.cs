using OrleansNotify.Server.Hosting;

namespace OrleansNotify.Server.Verbs;

/// <summary>A verb's own arguments, all with values, taken out of the command line; what is left is configuration, as the server takes it.</summary>
internal sealed class VerbArguments
{
    private readonly ILookup<string, string> _values;

    /// <summary>Reads a command line.</summary>
    /// <param name="args">What stands behind the verb.</param>
    /// <param name="own">Names of the verb's own arguments, such as <c>--sub</c>.</param>
    /// <exception cref="StartException">One of them has no value, or something is neither one of them nor a setting.</exception>
    public VerbArguments(string[] args, params string[] own)
    {
        var values = new List<(string, string)>();
        var others = new List<string>();
        for (var i = 0; i < args.Length; i++)
        {
            if (own.Contains(args[i], StringComparer.Ordinal))
                values.Add((args[i], ++i < args.Length ? args[i] : throw new StartException($"{args[i - 1]} needs a value.")));
            else if (!args[i].StartsWith("--", StringComparison.Ordinal) || !args[i].Contains(':', StringComparison.Ordinal))
                throw new StartException($"'{args[i]}' is not known here; there are {string.Join(", ", own)}, and settings such as --Notify:Tokens:Issuer.");
            else
            {
                others.Add(args[i]);
                if (!args[i].Contains('=', StringComparison.Ordinal) && i + 1 < args.Length)
                    others.Add(args[++i]);
            }
        }
        _values = values.ToLookup(value => value.Item1, value => value.Item2);
        Configuration = Configure([.. others]);
    }

    /// <summary>What the server would be configured with, started in the same place with the same arguments.</summary>
    public IConfiguration Configuration { get; }

    /// <summary>Every value of an argument that may be repeated.</summary>
    public IReadOnlyList<string> All(string name) => [.. _values[name]];

    /// <summary>Its value; null: it is not there.</summary>
    /// <exception cref="StartException">It is there more than once.</exception>
    public string? Optional(string name) => All(name) switch
    {
        [] => null,
        [var value] => value,
        _ => throw new StartException($"{name} is there more than once."),
    };

    /// <summary>Its value.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="what">What it takes, as the end of a sentence.</param>
    /// <exception cref="StartException">It is not there, or more than once.</exception>
    public string Required(string name, string what) => Optional(name) ?? throw new StartException($"{name} is missing: it takes {what}.");

    private static ConfigurationManager Configure(string[] args) =>
        WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory }).Configuration;
}
