using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OrleansNotify.Testing;

/// <summary>A program started by a test: its output is kept line by line, and it never outlives the test.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    /// <summary>Signals by their numbers on Linux and macOS.</summary>
    public const int SigInt = 2, SigKill = 9, SigTerm = 15, SigStop = 19, SigCont = 18;

    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly List<string> _lines = [];
    private readonly string _name;
    private TaskCompletionSource _more = NewSignal();

    private ChildProcess(string name, Process process)
    {
        _name = name;
        _process = process;
    }

    /// <summary>The process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>What it printed so far, both streams, in the order it arrived.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate)
                return [.. _lines];
        }
    }

    /// <summary>Starts a program.</summary>
    /// <param name="file">Its name, looked up in PATH, or its path.</param>
    /// <param name="arguments">Passed as they are, no shell between.</param>
    /// <param name="folder">Its working directory; null: this process's.</param>
    /// <param name="environment">Variables to set; null removes one.</param>
    public static ChildProcess Start(
        string file, IEnumerable<string> arguments, string? folder = null, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            UseShellExecute = false,
            WorkingDirectory = folder ?? "",
        };
        foreach (var (key, value) in environment ?? new Dictionary<string, string?>())
            start.Environment[key] = value;
        var process = new Process { StartInfo = start };
        var child = new ChildProcess(Path.GetFileName(file), process);
        process.OutputDataReceived += (_, line) => child.Add(line.Data);
        process.ErrorDataReceived += (_, line) => child.Add(line.Data);
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            throw new InvalidOperationException($"'{file}' cannot be started; is it installed? ({missing.Message})", missing);
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Runs a program to its end and returns what it printed; throws when it does not exit with 0.</summary>
    public static async Task<IReadOnlyList<string>> Run(string file, IEnumerable<string> arguments, string? folder = null, TimeSpan? timeout = null)
    {
        await using var child = Start(file, arguments, folder);
        var code = await child.Exited(timeout);
        return code == 0 ? child.Lines : throw new InvalidOperationException($"{child._name} exited with {code}.{child.Tail()}");
    }

    /// <summary>Waits for a line that <paramref name="wanted"/> accepts, printed before or after the call.</summary>
    public async Task<string> Line(string what, Func<string, bool> wanted, TimeSpan? timeout = null)
    {
        var limit = timeout ?? Until.DefaultTimeout;
        using var deadline = new CancellationTokenSource(limit, TimeProvider.System);
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (_lines.Find(line => wanted(line)) is { } found)
                    return found;
                more = _more.Task;
            }

            // Its exit wakes us as well; the output that was still in the pipe has arrived by then.
            var first = await Task.WhenAny(more, _process.WaitForExitAsync(deadline.Token));
            if (first != more && !deadline.IsCancellationRequested && !more.IsCompleted)
                throw new InvalidOperationException($"{_name} exited with {_process.ExitCode} before it printed: {what}.{Tail()}");
            if (deadline.IsCancellationRequested)
                throw new TimeoutException($"Waited {limit.TotalSeconds:0.#} s for {_name} to print: {what}.{Tail()}");
        }
    }

    /// <summary>Waits for its end and returns the exit code.</summary>
    public async Task<int> Exited(TimeSpan? timeout = null)
    {
        var limit = timeout ?? Until.DefaultTimeout;
        try
        {
            await _process.WaitForExitAsync().WaitAsync(limit, TimeProvider.System);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Waited {limit.TotalSeconds:0.#} s for {_name} (pid {Id}) to exit.{Tail()}");
        }

        return _process.ExitCode;
    }

    /// <summary>Sends a signal to this process alone. Without effect when it has ended.</summary>
    public void Signal(int signal)
    {
        if (!_process.HasExited)
            _ = Kill(_process.Id, signal);
    }

    /// <summary>The last lines, for a failure message.</summary>
    public string Tail(int lines = 40)
    {
        lock (_gate)
            return _lines.Count == 0 ? " It printed nothing." : $" It printed:{Environment.NewLine}{string.Join(Environment.NewLine, _lines.TakeLast(lines))}";
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private void Add(string? line)
    {
        if (line is null)
            return;
        lock (_gate)
        {
            _lines.Add(line);
            _more.TrySetResult();
            _more = NewSignal();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
