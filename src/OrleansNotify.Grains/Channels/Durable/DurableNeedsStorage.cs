using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Storage;

namespace OrleansNotify.Grains.Channels.Durable;

/// <summary>A host with a durable namespace and nowhere to keep it does not start.</summary>
internal sealed class DurableNeedsStorage(IServiceProviderIsKeyedService services) : IValidateOptions<ChannelNamespaces>
{
    /// <inheritdoc />
    public ValidateOptionsResult Validate(string? name, ChannelNamespaces options)
    {
        if (services.IsKeyedService(typeof(IGrainStorage), ChannelStorage.ProviderName))
            return ValidateOptionsResult.Success;
        var durable = options.Namespaces.Where(n => n.Value.Class == ChannelClass.Durable).Select(n => n.Key).ToArray();
        return durable.Length == 0
            ? ValidateOptionsResult.Success
            : ValidateOptionsResult.Fail(durable.Select(key =>
                $"Notify:Namespaces:{key}:Class is Durable, but no store is configured: set Notify:Storage:Provider or Orleans:GrainStorage:{ChannelStorage.ProviderName}, or register the grain storage \"{ChannelStorage.ProviderName}\"."));
    }
}
