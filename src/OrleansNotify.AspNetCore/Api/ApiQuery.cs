using System.Globalization;
using Microsoft.AspNetCore.Http;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>Reads query parameters; the first one that is wrong makes <see cref="Problem"/>, and all later reads are in vain.</summary>
internal sealed class ApiQuery(IQueryCollection query)
{
    /// <summary>The answer when a parameter was wrong.</summary>
    public IResult? Problem { get; private set; }

    /// <summary>A text; null when left out.</summary>
    public string? Text(string name)
    {
        if (!query.TryGetValue(name, out var values))
            return null;
        if (values.Count == 1 && values[0] is { } value)
            return value;
        Fail(name, $"The parameter '{name}' is given {values.Count} times; give it once.");
        return null;
    }

    /// <summary>A text that is checked.</summary>
    /// <param name="name">The parameter.</param>
    /// <param name="check">Null, or what is wrong.</param>
    public string? Text(string name, Func<string, string?> check)
    {
        var value = Text(name);
        if (value is null || check(value) is not { } problem)
            return value;
        Fail(name, problem);
        return null;
    }

    /// <summary>A whole number within bounds.</summary>
    public int Count(string name, int fallback, int min, int max)
    {
        if (Text(name) is not { } text)
            return fallback;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
            return value;
        Fail(name, $"The parameter '{name}' must be a whole number from {min} to {max}.");
        return fallback;
    }

    /// <summary>An offset; null when left out.</summary>
    public ulong? Offset(string name)
    {
        if (Text(name) is not { } text)
            return null;
        if (ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            return value;
        Fail(name, $"The parameter '{name}' must be a whole number from 0 to {ulong.MaxValue}.");
        return null;
    }

    /// <summary>true or false; false when left out.</summary>
    public bool Flag(string name)
    {
        switch (Text(name))
        {
            case null or "false":
                return false;
            case "true":
                return true;
            default:
                Fail(name, $"The parameter '{name}' must be true or false.");
                return false;
        }
    }

    /// <summary>Makes the problem, unless there is one.</summary>
    public void Fail(string name, string detail) => Problem ??= ApiProblem.BadParameter(name, detail);
}
