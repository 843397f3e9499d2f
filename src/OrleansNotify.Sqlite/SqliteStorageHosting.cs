using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Providers;
using Orleans.Runtime.Hosting;
using Orleans.Storage;
using OrleansNotify.Sqlite;

[assembly: RegisterProvider("Sqlite", "GrainStorage", "Silo", typeof(SqliteStorageProviderBuilder))]

namespace OrleansNotify.Sqlite;

/// <summary>Puts a SQLite file into a silo as grain storage.</summary>
public static class SqliteStorageHosting
{
    /// <summary>Adds grain storage in a SQLite file.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="name">Name of the storage, as grains ask for it.</param>
    /// <param name="configure">Its options; null: the defaults.</param>
    public static ISiloBuilder AddSqliteGrainStorage(this ISiloBuilder silo, string name, Action<SqliteStorageOptions>? configure = null)
    {
        var services = silo.Services;
        services.AddOptions<SqliteStorageOptions>(name).Configure(configure ?? (_ => { }));
        services.AddTransient<IPostConfigureOptions<SqliteStorageOptions>, DefaultStorageProviderSerializerOptionsConfigurator<SqliteStorageOptions>>();
        services.AddSingleton<IConfigurationValidator>(provider => new SqliteStorageOptionsCheck(Options(provider, name), name));
        services.AddGrainStorage(name, New);
        return silo;
    }

    /// <summary>Opens the file as the storage would, if there is one.</summary>
    /// <param name="path">As <see cref="SqliteStorageOptions.Path"/>.</param>
    /// <returns>Whether there is a file.</returns>
    /// <exception cref="InvalidDataException">It is of another program, or of a later version.</exception>
    /// <exception cref="Microsoft.Data.Sqlite.SqliteException">It is damaged, locked, or may not be opened.</exception>
    public static bool TryOpen(string path)
    {
        var file = new SqliteFile(path);
        if (!file.Exists)
            return false;
        file.OpenToRead().Dispose();
        return true;
    }

    private static SqliteGrainStorage New(IServiceProvider provider, string name) =>
        ActivatorUtilities.CreateInstance<SqliteGrainStorage>(provider, name, Options(provider, name));

    private static SqliteStorageOptions Options(IServiceProvider provider, string name) =>
        provider.GetRequiredService<IOptionsMonitor<SqliteStorageOptions>>().Get(name);
}

/// <summary><c>Orleans:GrainStorage:{name}:ProviderType = Sqlite</c>, with <c>Path</c> beside it.</summary>
internal sealed class SqliteStorageProviderBuilder : IProviderBuilder<ISiloBuilder>
{
    /// <inheritdoc />
    public void Configure(ISiloBuilder builder, string? name, IConfigurationSection configurationSection) =>
        builder.AddSqliteGrainStorage(name ?? throw new ArgumentNullException(nameof(name)), options =>
        {
            if (configurationSection[nameof(options.Path)] is { Length: > 0 } path)
                options.Path = path;
        });
}

/// <summary>A path must be one.</summary>
internal sealed class SqliteStorageOptionsCheck(SqliteStorageOptions options, string name) : IConfigurationValidator
{
    /// <inheritdoc />
    public void ValidateConfiguration()
    {
        if (string.IsNullOrWhiteSpace(options.Path) || options.Path.Contains('\0', StringComparison.Ordinal) || Path.EndsInDirectorySeparator(options.Path))
            throw new OrleansConfigurationException($"Grain storage '{name}': {nameof(SqliteStorageOptions)}.{nameof(options.Path)} ('{options.Path}') must be the path of a file.");
    }
}
