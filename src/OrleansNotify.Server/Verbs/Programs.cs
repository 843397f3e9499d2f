namespace OrleansNotify.Server.Verbs;

/// <summary>What is installed on this machine.</summary>
internal static class Programs
{
    /// <summary>Whether PATH has a program of this name.</summary>
    public static bool Has(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Any(folder => File.Exists(Path.Combine(folder, OperatingSystem.IsWindows() ? name + ".exe" : name)));

    /// <summary>The nearest folder with <paramref name="file"/> in it, named <paramref name="folder"/>, above the working directory or the binary; null: none.</summary>
    public static string? FolderAbove(string folder, string file)
    {
        foreach (var start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
        {
            for (var at = new DirectoryInfo(start); at is not null; at = at.Parent)
            {
                var candidate = Path.Combine(at.FullName, folder);
                if (File.Exists(Path.Combine(candidate, file)))
                    return candidate;
            }
        }

        return null;
    }
}
