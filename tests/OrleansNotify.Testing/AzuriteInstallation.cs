using System.Text.Json;

namespace OrleansNotify.Testing;

/// <summary>The pinned Azurite in the repository's azurite folder: installed once, by whoever needs it first.</summary>
public static class AzuriteInstallation
{
    private static readonly SemaphoreSlim Gate = new(1);
    private static readonly TimeSpan InstallTimeout = TimeSpan.FromMinutes(5);

    /// <summary>Where it lies.</summary>
    public static string Folder { get; } = Repository.PathOf("azurite");

    /// <summary>Runs npm ci when the pinned version is not installed. Safe to call from several processes at once.</summary>
    /// <param name="path">Where programs are looked for; null: the environment's PATH.</param>
    /// <exception cref="InvalidOperationException">Node.js or npm is missing, or npm failed: says what to install or what it printed.</exception>
    public static async Task EnsureAsync(string? path = null)
    {
        path ??= Environment.GetEnvironmentVariable("PATH") ?? "";
        Require("node", path);
        await Gate.WaitAsync();
        try
        {
            if (IsInstalled())
                return;
            Require("npm", path);
            // Another test project may be at it: whoever comes second finds the work done.
            await using var turn = await Turn();
            if (!IsInstalled())
                await ChildProcess.Run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], Folder, InstallTimeout);
        }
        finally
        {
            Gate.Release();
        }
    }

    private static void Require(string program, string path)
    {
        string[] endings = OperatingSystem.IsWindows() ? [".exe", ".cmd"] : [""];
        var folders = path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries);
        if (!folders.Any(folder => endings.Any(ending => File.Exists(Path.Combine(folder, program + ending)))))
        {
            throw new InvalidOperationException(
                $"Azurite needs Node.js 20 or later with npm, and '{program}' was not found in PATH: install Node.js, then run the tests again.");
        }
    }

    private static bool IsInstalled()
    {
        var modules = Path.Combine(Folder, "node_modules");
        var installed = Path.Combine(modules, "azurite", "package.json");
        // npm writes its hidden lock file last: without it, an installation was cut short.
        return File.Exists(Path.Combine(modules, ".package-lock.json")) && File.Exists(installed) &&
            Read(installed, json => json.GetProperty("version").GetString()) ==
            Read(Path.Combine(Folder, "package.json"), json => json.GetProperty("dependencies").GetProperty("azurite").GetString());
    }

    private static string? Read(string file, Func<JsonElement, string?> value)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(file));
        return value(json.RootElement);
    }

    private static async Task<FileStream> Turn()
    {
        var file = Path.Combine(Folder, ".installing");
        return await Until.Value(
            $"{file} to be free",
            () =>
            {
                try
                {
                    return Task.FromResult<FileStream?>(new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose));
                }
                catch (IOException)
                {
                    return Task.FromResult<FileStream?>(null);
                }
            },
            turn => turn is not null,
            InstallTimeout) ?? throw new InvalidOperationException();
    }
}
