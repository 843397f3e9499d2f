using System.ComponentModel.DataAnnotations;
using OrleansNotify.Grains.Channels.Durable;

namespace OrleansNotify.Server.Hosting;

/// <summary>Where durable channels are kept. <see cref="StorageOptions.Provider"/>.</summary>
public enum StorageProvider
{
    /// <summary>A file on this machine, made at the first write.</summary>
    Sqlite = 0,

    /// <summary>Azure storage tables.</summary>
    AzureTables = 1,

    /// <summary>Azure storage blobs.</summary>
    AzureBlobs = 2,

    /// <summary>Redis; what it promises depends on its <c>appendfsync</c>.</summary>
    Redis = 3,
}

/// <summary>The grain storage of durable channels, registered under <see cref="ChannelStorage.ProviderName"/>. Bound from <c>Notify:Storage</c>.</summary>
public sealed class StorageOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:Storage";

    /// <summary>Default none, which means the cluster's: Development → Sqlite, AzureStorage → AzureTables, Redis → Redis.</summary>
    public StorageProvider? Provider { get; set; }

    /// <summary>Of the provider's server, a secret. Default none: the cluster's.</summary>
    public string ConnectionString { get; set; } = "";

    /// <summary>Sqlite's file, relative to the working directory. Default <c>data/notify.db</c>.</summary>
    [Required]
    public string Path { get; set; } = "data/notify.db";
}
