using OrleansNotify.AzureStorage;

namespace Orleans.Clustering.AzureStorage;

/// <summary>What the membership table and the list of gateways have in common.</summary>
public abstract class AzureStorageOperationOptions : TableServiceOptions
{
    private protected AzureStorageOperationOptions(string tableName)
        : base(tableName) => StoragePolicyOptions.OperationTimeout = TimeSpan.FromSeconds(5); // nobody's request waits for membership
}

/// <summary>Where silos keep their membership.</summary>
public class AzureStorageClusteringOptions : AzureStorageOperationOptions
{
    /// <summary>The table when none is named.</summary>
    public const string DEFAULT_TABLE_NAME = "OrleansSiloInstances";

    /// <summary>The default table, and no client.</summary>
    public AzureStorageClusteringOptions()
        : base(DEFAULT_TABLE_NAME)
    {
    }
}

/// <summary>Where clients look for gateways: the silos' membership table.</summary>
public class AzureStorageGatewayOptions : AzureStorageOperationOptions
{
    /// <summary>The default table of <see cref="AzureStorageClusteringOptions"/>, and no client.</summary>
    public AzureStorageGatewayOptions()
        : base(AzureStorageClusteringOptions.DEFAULT_TABLE_NAME)
    {
    }
}

/// <summary>Ends the start with a sentence when the options cannot work.</summary>
/// <param name="options">Checked.</param>
/// <param name="name">Of the options; empty for the only ones.</param>
public class AzureStorageClusteringOptionsValidator(AzureStorageClusteringOptions options, string? name) : IConfigurationValidator
{
    /// <inheritdoc/>
    public void ValidateConfiguration() => options.Validate(name);
}

/// <inheritdoc cref="AzureStorageClusteringOptionsValidator"/>
public class AzureStorageGatewayOptionsValidator(AzureStorageGatewayOptions options, string? name) : IConfigurationValidator
{
    /// <inheritdoc/>
    public void ValidateConfiguration() => options.Validate(name);
}
