using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Clients;

/// <summary>The folder of the clients that run in node, with what they need installed.</summary>
public sealed class NodeClients : IAsyncLifetime
{
    private static readonly TimeSpan InstallTimeout = TimeSpan.FromMinutes(2);

    public static string Folder { get; } = Repository.PathOf("tests", "clients");

    public async Task InitializeAsync()
    {
        try
        {
            await ChildProcess.Run("node", ["--version"]);
        }
        catch (InvalidOperationException missing)
        {
            throw new InvalidOperationException("These tests need node and npm: apt-get install nodejs npm.", missing);
        }

        if (!File.Exists(Path.Combine(Folder, "node_modules", "ws", "package.json")))
            await ChildProcess.Run("npm", ["ci", "--no-audit", "--no-fund"], Folder, InstallTimeout);
    }

    public Task DisposeAsync() => Task.CompletedTask;
}
