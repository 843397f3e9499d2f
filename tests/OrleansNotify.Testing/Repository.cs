namespace OrleansNotify.Testing;

/// <summary>Where things lie, found from the test assembly upwards.</summary>
public static class Repository
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = Find();

    /// <summary>A path below the root.</summary>
    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>The assembly of a program in src, of the configuration that runs now.</summary>
    public static string Built(string project)
    {
        var output = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)); // …/bin/Release/net10.0
        var built = PathOf("src", project, "bin", output.Parent!.Name, output.Name, project + ".dll");
        return File.Exists(built) ? built : throw new InvalidOperationException($"{built} is not there: build the solution first.");
    }

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
