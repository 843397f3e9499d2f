using Microsoft.Data.Sqlite;
using OrleansNotify.Grains.Channels.Durable;
using OrleansNotify.Sqlite;

namespace OrleansNotify.Server.Hosting.BackEnds;

/// <summary>Durable channels in a file.</summary>
internal sealed class SqliteStorage(string path) : IBackEnd
{
    private const string Setting = $"{StorageOptions.Section}:{nameof(StorageOptions.Path)}";

    /// <inheritdoc />
    public void Configure(ISiloBuilder silo) => silo.AddSqliteGrainStorage(ChannelStorage.ProviderName, sqlite => sqlite.Path = path);

    /// <inheritdoc />
    public Task Check(CancellationToken cancellationToken)
    {
        try
        {
            if (!SqliteStorageHosting.TryOpen(path))
                TryFolder();
            return Task.CompletedTask;
        }
        catch (Exception problem) when (problem is SqliteException or IOException or UnauthorizedAccessException or InvalidDataException or ArgumentException)
        {
            throw new StartException($"{Setting} ('{path}') cannot be used: {problem.Message}", problem);
        }
    }

    // The file is made by the first write; that its folder could be made then is seen by a file that is gone at once.
    private void TryFolder()
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? throw new IOException("It names no file.");
        while (!Path.Exists(folder))
            folder = Path.GetDirectoryName(folder)!;
        if (!Directory.Exists(folder))
            throw new IOException($"{folder} is a file, no folder.");
        if (Directory.Exists(path))
            throw new IOException("It is a folder.");
        using var probe = new FileStream(
            Path.Combine(folder, $".notify-{Guid.NewGuid():N}"), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose);
    }
}
