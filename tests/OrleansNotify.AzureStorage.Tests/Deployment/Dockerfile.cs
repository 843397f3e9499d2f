using System.Text.Json;
using System.Text.RegularExpressions;

namespace OrleansNotify.AzureStorage.Tests.Deployment;

/// <summary>An instruction of a Dockerfile.</summary>
/// <param name="Word">Such as COPY.</param>
/// <param name="Rest">What stands behind it, continued lines joined.</param>
internal sealed record Instruction(string Word, string Rest)
{
    /// <summary>The strings of its exec form: <c>["dotnet", "x.dll"]</c>; empty: it has none.</summary>
    public string[] Exec() => Rest.IndexOf('[', StringComparison.Ordinal) is >= 0 and var at ? JsonSerializer.Deserialize<string[]>(Rest[at..])! : [];
}

/// <summary>A Dockerfile, in stages, and the folder its COPY reads from.</summary>
internal sealed partial class Dockerfile
{
    private static readonly string[] Words = ["ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"];

    private readonly List<Instruction> _all;
    private readonly string _context;

    private Dockerfile(List<Instruction> all, string context) => (_all, _context) = (all, context);

    /// <summary>Of the image: the last stage.</summary>
    public IReadOnlyList<Instruction> Final => _all[_all.FindLastIndex(line => line.Word == "FROM")..];

    /// <summary>The images it starts from, in order.</summary>
    public IEnumerable<string> Bases => All("FROM").Select(from => from.Rest.Split(' ')[0]);

    /// <summary>What the image's processes find in their environment, of this file alone.</summary>
    public Dictionary<string, string> Environment => Final.Where(line => line.Word == "ENV").Select(line => line.Rest.Split('=', 2)).ToDictionary(pair => pair[0], pair => pair[1]);

    /// <summary>Reads one.</summary>
    public static Dockerfile Parse(string text, string context)
    {
        var lines = text.Split('\n').Where(line => !line.TrimStart().StartsWith('#'));
        var all = Continued().Replace(string.Join('\n', lines), " ").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(line => line.Split(' ', 2)).Select(parts => new Instruction(parts[0], parts.ElementAtOrDefault(1) ?? "")).ToList();
        return all.Find(line => !Words.Contains(line.Word)) is { } odd
            ? throw new FormatException($"'{odd.Word}' is no instruction of a Dockerfile.")
            : new(all, context);
    }

    /// <summary>Every instruction of a kind, of all stages.</summary>
    public IEnumerable<Instruction> All(string word) => _all.Where(line => line.Word == word);

    /// <summary>What is copied from the context, as it is written.</summary>
    public IEnumerable<string> Sources() => All("COPY").Where(copy => !copy.Rest.Contains("--from=", StringComparison.Ordinal))
        .SelectMany(copy => copy.Rest.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(part => !part.StartsWith("--", StringComparison.Ordinal)).SkipLast(1));

    /// <summary>What of it is not in the context, or is kept from it by .dockerignore.</summary>
    public IEnumerable<string> MissingSources()
    {
        var ignored = Path.Combine(_context, ".dockerignore");
        var patterns = File.Exists(ignored) ? File.ReadLines(ignored).Select(line => line.Trim().Trim('/')).Where(line => line.Length > 0 && line[0] != '#').ToList() : [];
        return Sources().Where(source => !Path.Exists(Path.Combine(_context, source)) || patterns.Any(pattern => Ignores(pattern, source.TrimEnd('/'))));
    }

    // The part of the pattern language that is used: ** (folders, none as well), * and names; a folder takes what is in it along.
    private static bool Ignores(string pattern, string path)
    {
        if (pattern.StartsWith('!') || pattern.IndexOfAny(['?', '[', '\\']) >= 0)
            throw new NotSupportedException($".dockerignore: '{pattern}' is more than this test understands.");
        var regex = Regex.Escape(pattern).Replace(@"\*\*/", "(.*/)?", StringComparison.Ordinal).Replace(@"\*\*", ".*", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal);
        return Regex.IsMatch(path, $"^{regex}(/.*)?$");
    }

    [GeneratedRegex(@"\\\s*\n\s*")]
    private static partial Regex Continued();
}
