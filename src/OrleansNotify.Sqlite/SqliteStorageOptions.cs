using Orleans.Storage;

namespace OrleansNotify.Sqlite;

/// <summary>Options of one grain storage in a SQLite file.</summary>
public sealed class SqliteStorageOptions : IStorageProviderSerializerOptions
{
    /// <summary>
    /// The file, relative to the working directory. Default <c>data/notify.db</c>. Folder and file are made at the first write, not before. Several
    /// processes of one machine may share it; a network file system may not hold it (SQLite's log needs shared memory).
    /// </summary>
    public string Path { get; set; } = "data/notify.db";

    /// <summary>How states become bytes. Default: Orleans' own default for grain storage (JSON).</summary>
    public IGrainStorageSerializer GrainStorageSerializer { get; set; } = null!; // set by DefaultStorageProviderSerializerOptionsConfigurator

    /// <summary>Stage of the silo's life at which the file is looked at for the first time. Default <see cref="ServiceLifecycleStage.ApplicationServices"/>.</summary>
    public int InitStage { get; set; } = ServiceLifecycleStage.ApplicationServices;
}
