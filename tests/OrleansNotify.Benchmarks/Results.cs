using OrleansNotify.Testing;

namespace OrleansNotify.Benchmarks;

/// <summary>The folder of result tables, which are committed.</summary>
internal static class Results
{
    /// <summary>Where it is.</summary>
    public static string Folder { get; } = Repository.PathOf("tests", "OrleansNotify.Benchmarks", "results");

    /// <summary>Prints a table and puts it in the place of the one before.</summary>
    /// <param name="file">Its name.</param>
    /// <param name="table">Markdown.</param>
    public static async Task WriteAsync(string file, string table)
    {
        Console.WriteLine(table);
        await File.WriteAllTextAsync(Path.Combine(Folder, file), table);
    }
}
