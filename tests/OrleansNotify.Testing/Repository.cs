namespace OrleansNotify.Testing;

/// <summary>Where things lie, found from the test assembly upwards.</summary>
public static class Repository
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = Find();

    /// <summary>A path below the root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "OrleansNotify.sln")))
                return folder.FullName;
        }

        throw new InvalidOperationException($"No OrleansNotify.sln in or above {AppContext.BaseDirectory}.");
    }
}
