using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OrleansNotify.Server.Verbs;

/// <summary>A process whose output goes to a file.</summary>
internal sealed class LoggedProcess : IDisposable
{
    private const int SigTerm = 15;
    private readonly Process _process;
    private readonly StreamWriter _file;
    private readonly Lock _gate = new();
    private string _last = "it printed nothing.";

    private LoggedProcess(string name, Process process, string log)
    {
        (Name, _process, Log) = (name, process, log);
        _file = new StreamWriter(log, append: false) { AutoFlush = true };
    }

    /// <summary>For people.</summary>
    public string Name { get; }

    /// <summary>Its process id.</summary>
    public int Id => _process.Id;

    /// <summary>Where its output is.</summary>
    public string Log { get; }

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Starts a program.</summary>
    /// <param name="name">For people.</param>
    /// <param name="file">Looked up in PATH.</param>
    /// <param name="arguments">As they are.</param>
    /// <param name="log">File for its output; overwritten.</param>
    /// <param name="ownSession">Whether a Ctrl-C at the terminal shall not reach it; where there is no <c>setsid</c> it does.</param>
    /// <exception cref="Win32Exception">There is no such program.</exception>
    public static LoggedProcess Start(string name, string file, IEnumerable<string> arguments, string log, bool ownSession)
    {
        var apart = ownSession && OperatingSystem.IsLinux() && Programs.Has("setsid");
        var start = new ProcessStartInfo(apart ? "setsid" : file, apart ? [file, .. arguments] : arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        var started = new LoggedProcess(name, new Process { StartInfo = start }, log);
        started._process.OutputDataReceived += (_, line) => started.Write(line.Data);
        started._process.ErrorDataReceived += (_, line) => started.Write(line.Data);
        started._process.Start();
        started._process.BeginOutputReadLine();
        started._process.BeginErrorReadLine();
        return started;
    }

    /// <summary>What it printed last.</summary>
    public string LastLine()
    {
        lock (_gate)
            return _last;
    }

    /// <summary>Ends when it has ended.</summary>
    public Task Exited(CancellationToken cancellationToken) => _process.WaitForExitAsync(cancellationToken);

    /// <summary>Asks it to end (SIGTERM), and ends it when it has not after <paramref name="patience"/>.</summary>
    public async Task StopAsync(TimeSpan patience)
    {
        if (!_process.HasExited && !OperatingSystem.IsWindows())
            _ = Kill(_process.Id, SigTerm);
        try
        {
            await _process.WaitForExitAsync().WaitAsync(OperatingSystem.IsWindows() ? TimeSpan.Zero : patience, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        Dispose();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _process.Dispose();
        lock (_gate)
            _file.Dispose();
    }

    private void Write(string? line)
    {
        if (line is null)
            return;
        lock (_gate)
        {
            _last = line;
            if (_file.BaseStream is { CanWrite: true })
                _file.WriteLine(line);
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
