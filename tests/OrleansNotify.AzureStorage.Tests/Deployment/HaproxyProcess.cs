using OrleansNotify.Testing;

namespace OrleansNotify.AzureStorage.Tests.Deployment;

/// <summary>HAProxy as a process of its own, with a configuration of its own.</summary>
internal sealed class HaproxyProcess : IAsyncDisposable
{
    private readonly ChildProcess _process;
    private readonly string _file;

    private HaproxyProcess(ChildProcess process, string file) => (_process, _file) = (process, file);

    /// <summary>Has HAProxy judge a configuration; returns its exit code and what it says.</summary>
    public static async Task<(int Code, string Said)> Check(string configuration)
    {
        await using var haproxy = Launch(configuration, "-c");
        return (await haproxy._process.Exited(), haproxy._process.Tail());
    }

    /// <summary>Starts it; whether it serves is to be asked at the address it was given.</summary>
    public static HaproxyProcess Start(string configuration) => Launch(configuration, "-db"); // in the foreground

    /// <summary>Fails at once, with what it printed, when it has ended.</summary>
    public void MustRun()
    {
        if (_process.HasExited)
            throw new InvalidOperationException($"HAProxy has ended.{_process.Tail()}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        File.Delete(_file);
    }

    private static HaproxyProcess Launch(string configuration, string mode)
    {
        // Debian keeps it in sbin, which is not in everybody's PATH.
        var program = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/sbin").Select(folder => Path.Combine(folder, "haproxy")).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException("'haproxy' was not found in PATH: install HAProxy (package haproxy), then run the tests again.");
        var file = Path.GetTempFileName();
        File.WriteAllText(file, configuration);
        return new(ChildProcess.Start(program, [mode, "-f", file]), file);
    }
}
