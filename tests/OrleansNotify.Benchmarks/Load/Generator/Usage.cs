using System.Diagnostics;
using System.Globalization;

namespace OrleansNotify.Benchmarks.Load.Generator;

/// <summary>Processor time used so far, in seconds: by the servers, by this process, and by the whole machine.</summary>
internal readonly record struct Usage(double Server, double Own, double Machine)
{
    private const double TicksPerSecond = 100; // USER_HZ, the same on every Linux that .NET runs on

    /// <summary>Now.</summary>
    public static Usage Read(IReadOnlyList<Process> servers)
    {
        // "cpu  user nice system idle iowait irq softirq …" (proc(5))
        var ticks = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1).Select(text => long.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        return new Usage(
            servers.Sum(TimeOf),
            Environment.CpuUsage.TotalTime.TotalSeconds,
            (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / TicksPerSecond);
    }

    /// <summary>Of one process.</summary>
    public static double TimeOf(Process process)
    {
        process.Refresh();
        return process.TotalProcessorTime.TotalSeconds;
    }

    /// <summary>What was used between two readings, in cores.</summary>
    public static (double Server, double Own, double Foreign) Between(Usage from, Usage to, double seconds)
    {
        var (server, own) = (to.Server - from.Server, to.Own - from.Own);
        return (server / seconds, own / seconds, Math.Max(0, to.Machine - from.Machine - server - own) / seconds);
    }
}
