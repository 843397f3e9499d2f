using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>
/// Linux epoll and one timer. One thread serves all sockets of the generator: the platform's own loop would hand each message to another thread, and
/// read every socket once more to learn that it is empty, on the cores that the server is to have.
/// </summary>
internal sealed class EventLoop : IDisposable
{
    private const int ReadyToRead = 1, IntoTheSet = 1, OutOfTheSet = 2; // EPOLLIN, EPOLL_CTL_ADD, EPOLL_CTL_DEL
    private const int Monotonic = 1, NonBlocking = 0x800; // CLOCK_MONOTONIC, TFD_NONBLOCK
    private const int Most = 512;
    private const int TimerKey = -1;

    // struct epoll_event is packed on x64 only.
    private static readonly int Size = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    private readonly List<IReadable> _readables = [];
    private readonly byte[] _events = new byte[Most * 16];
    private readonly byte[] _expirations = new byte[8];
    private readonly long[] _once = new long[4]; // struct itimerspec: no interval, then the value
    private readonly int _epoll = Checked(EpollCreate(0), "epoll_create1");
    private readonly int _timer = Checked(TimerCreate(Monotonic, NonBlocking), "timerfd_create");

    public EventLoop() => Watch(_timer, TimerKey);

    /// <summary>Calls a reader whenever its socket has something to read, or has ended.</summary>
    public void Add(Socket socket, IReadable readable)
    {
        _readables.Add(readable);
        Watch((int)socket.Handle, _readables.Count - 1);
    }

    /// <summary>Never calls a socket's reader again.</summary>
    public void Remove(Socket socket) => _ = Checked(EpollControl(_epoll, OutOfTheSet, (int)socket.Handle, new byte[16]), "epoll_ctl");

    /// <summary>Waits until something can be read or the time has passed, and has it read.</summary>
    /// <param name="nanoseconds">How long at most; 0: not at all.</param>
    public void Turn(long nanoseconds)
    {
        if (nanoseconds > 0)
        {
            (_once[2], _once[3]) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
            _ = Checked(TimerSet(_timer, 0, _once, 0), "timerfd_settime");
        }
        var count = EpollWait(_epoll, _events, Most, nanoseconds > 0 ? -1 : 0);
        for (var i = 0; i < count; i++)
        {
            var key = MemoryMarshal.Read<int>(_events.AsSpan(i * Size + Size - 8));
            if (key == TimerKey)
                _ = Read(_timer, _expirations, 8);
            else
                _readables[key].Readable();
        }
    }

    public void Dispose()
    {
        _ = Close(_timer);
        _ = Close(_epoll);
    }

    private void Watch(int descriptor, int key)
    {
        var watched = new byte[16];
        MemoryMarshal.Write(watched, ReadyToRead);
        MemoryMarshal.Write(watched.AsSpan(Size - 8), key);
        _ = Checked(EpollControl(_epoll, IntoTheSet, descriptor, watched), "epoll_ctl");
    }

    private static int Checked(int result, string call) =>
        result >= 0 ? result : throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{call} failed: {Marshal.GetLastPInvokeErrorMessage()}");

    [DllImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int EpollCreate(int flags);

    [DllImport("libc", EntryPoint = "epoll_ctl", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int EpollControl(int epoll, int operation, int descriptor, byte[] watched);

    [DllImport("libc", EntryPoint = "epoll_wait", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int EpollWait(int epoll, byte[] events, int most, int milliseconds);

    [DllImport("libc", EntryPoint = "timerfd_create", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int TimerCreate(int clock, int flags);

    [DllImport("libc", EntryPoint = "timerfd_settime", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int TimerSet(int timer, int flags, long[] value, nint before);

    [DllImport("libc", EntryPoint = "read", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint Read(int descriptor, byte[] into, nint count);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
}

/// <summary>Somebody with a socket in the loop.</summary>
internal interface IReadable
{
    /// <summary>Read now; never waits.</summary>
    void Readable();
}
