using OrleansNotify.Testing;

namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>
/// A network of its own on this machine, joined to the rest by one cable that can be pulled. A pulled cable says nothing: no connection is refused or
/// reset, packets just do not arrive. Needs root and <c>ip netns</c>.
/// </summary>
public sealed class NetworkNamespace : IAsyncDisposable
{
    private readonly string _name;

    private NetworkNamespace(string name, int subnet)
    {
        _name = name;
        Outside = $"10.77.{subnet}.1";
        Inside = $"10.77.{subnet}.2";
    }

    /// <summary>This side's address on the cable.</summary>
    public string Outside { get; }

    /// <summary>The other side's.</summary>
    public string Inside { get; }

    /// <summary>Runs a server inside.</summary>
    public ServerPlace Place => new(Inside, ["ip", "netns", "exec", _name]);

    /// <summary>Why namespaces cannot be had here; null: they can.</summary>
    public static string? Missing { get; } = OperatingSystem.IsLinux() ? Try() : "network namespaces are Linux's.";

    /// <summary>Makes one.</summary>
    public static async Task<NetworkNamespace> CreateAsync()
    {
        var subnet = Random.Shared.Next(1, 255);
        var made = new NetworkNamespace($"notify{subnet}", subnet);
        try
        {
            await Ip("netns", "add", made._name);
            await Ip("link", "add", made.Cable, "type", "veth", "peer", "name", "eth0", "netns", made._name);
            await Ip("address", "add", $"{made.Outside}/24", "dev", made.Cable);
            await Ip("link", "set", made.Cable, "up");
            await Ip("-n", made._name, "address", "add", $"{made.Inside}/24", "dev", "eth0");
            await Ip("-n", made._name, "link", "set", "lo", "up");
            await made.Mend();
            return made;
        }
        catch
        {
            await made.DisposeAsync();
            throw;
        }
    }

    /// <summary>Pulls the cable.</summary>
    public Task Cut() => Ip("-n", _name, "link", "set", "eth0", "down");

    /// <summary>Plugs it in again.</summary>
    public Task Mend() => Ip("-n", _name, "link", "set", "eth0", "up");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await Ip("netns", "delete", _name); // the cable goes with it
        }
        catch (InvalidOperationException)
        {
            // It was never made.
        }
    }

    private string Cable => $"{_name}c";

    private static async Task Ip(params string[] arguments) => await ChildProcess.Run("ip", arguments, timeout: TimeSpan.FromSeconds(10));

    private static string? Try()
    {
        try
        {
            using var process = System.Diagnostics.Process.Start(
                new System.Diagnostics.ProcessStartInfo("ip", ["netns", "add", "notify-probe"]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var said = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (process.ExitCode != 0)
                return $"'ip netns add' says: {said.Trim()}";
            using var away = System.Diagnostics.Process.Start("ip", ["netns", "delete", "notify-probe"]);
            away.WaitForExit();
            return null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "there is no 'ip' program.";
        }
    }
}

/// <summary>A test that needs network namespaces; skipped, saying why, where they are missing.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class NamespaceFactAttribute : FactAttribute
{
    /// <summary>Looks for them.</summary>
    public NamespaceFactAttribute()
    {
        if (NetworkNamespace.Missing is { } why)
            Skip = $"Needs network namespaces (Linux, root): {why}";
    }
}
