namespace OrleansNotify.Grains.Channels.Durable;

/// <summary>Where durable channels keep their logs.</summary>
public static class ChannelStorage
{
    /// <summary>Name of the Orleans grain storage provider that durable channels use. The host registers it; any provider with ETags will do.</summary>
    public const string ProviderName = "notify";
}
