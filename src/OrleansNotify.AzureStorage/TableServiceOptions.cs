using System.Text.RegularExpressions;
using Azure;
using Azure.Core;
using Azure.Data.Tables;

namespace OrleansNotify.AzureStorage;

/// <summary>Which table, and how to get there. What the options of clustering and of table storage have in common.</summary>
public abstract partial class TableServiceOptions
{
    private Func<Task<TableServiceClient>>? _createClient;

    private protected TableServiceOptions(string tableName) => TableName = tableName;

    /// <summary>Name of the table; made at start when it is missing. A letter, then 2 to 62 letters and digits.</summary>
    public virtual string TableName { get; set; }

    /// <summary>A ready client, with its own retries and timeouts. Either this or one of the ConfigureTableServiceClient methods; the last one wins.</summary>
    public TableServiceClient? TableServiceClient
    {
        get;
        set
        {
            field = value;
            _createClient = value is null ? null : () => Task.FromResult(value);
        }
    }

    /// <summary>For clients that are made here. Default null: the SDK's, with the retries of <see cref="StoragePolicyOptions"/>.</summary>
    public TableClientOptions? ClientOptions { get; set; }

    /// <summary>Times and retries.</summary>
    public AzureStoragePolicyOptions StoragePolicyOptions { get; } = new();

    /// <summary>Takes account, key and address from a connection string.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public void ConfigureTableServiceClient(string connectionString)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(connectionString);
        Create(options => new TableServiceClient(connectionString, options));
    }

    /// <summary>An address that carries its own permission (a shared access signature).</summary>
    public void ConfigureTableServiceClient(Uri serviceUri)
    {
        ArgumentNullException.ThrowIfNull(serviceUri);
        Create(options => new TableServiceClient(serviceUri, options));
    }

    /// <summary>An address and a Microsoft Entra identity. The address must be https.</summary>
    public void ConfigureTableServiceClient(Uri serviceUri, TokenCredential tokenCredential)
    {
        ArgumentNullException.ThrowIfNull(serviceUri);
        ArgumentNullException.ThrowIfNull(tokenCredential);
        Create(options => new TableServiceClient(serviceUri, tokenCredential, options));
    }

    /// <summary>An address and a shared access signature that can be renewed.</summary>
    public void ConfigureTableServiceClient(Uri serviceUri, AzureSasCredential azureSasCredential)
    {
        ArgumentNullException.ThrowIfNull(serviceUri);
        ArgumentNullException.ThrowIfNull(azureSasCredential);
        Create(options => new TableServiceClient(serviceUri, azureSasCredential, options));
    }

    /// <summary>An address, an account and its key.</summary>
    public void ConfigureTableServiceClient(Uri serviceUri, TableSharedKeyCredential sharedKeyCredential)
    {
        ArgumentNullException.ThrowIfNull(serviceUri);
        ArgumentNullException.ThrowIfNull(sharedKeyCredential);
        Create(options => new TableServiceClient(serviceUri, sharedKeyCredential, options));
    }

    /// <summary>A client made at start by a callback, with its own retries and timeouts.</summary>
    public void ConfigureTableServiceClient(Func<Task<TableServiceClient>> createClientCallback)
    {
        ArgumentNullException.ThrowIfNull(createClientCallback);
        _createClient = createClientCallback;
    }

    internal Task<TableServiceClient> CreateClientAsync() =>
        _createClient?.Invoke() ?? throw new OrleansConfigurationException($"{GetType().Name}: no table service client is configured.");

    internal void Validate(string? name)
    {
        var owner = string.IsNullOrEmpty(name) ? GetType().Name : $"{GetType().Name} '{name}'";
        if (_createClient is null)
            throw new OrleansConfigurationException($"{owner}: no table service client is configured. Set ConnectionString in its configuration section, or {nameof(TableServiceClient)}.");
        if (TableName is null || !ValidName().IsMatch(TableName))
            throw new OrleansConfigurationException($"{owner}: TableName '{TableName}' is no valid table name: a letter, then 2 to 62 letters and digits.");
        StoragePolicyOptions.Validate(owner);
    }

    private void Create(Func<TableClientOptions, TableServiceClient> create) => _createClient = () => Task.FromResult(create(ClientOptions ?? Defaults()));

    private TableClientOptions Defaults()
    {
        var options = new TableClientOptions();
        StoragePolicyOptions.Apply(options.Retry);
        return options;
    }

    [GeneratedRegex("^[A-Za-z][A-Za-z0-9]{2,62}$")]
    private static partial Regex ValidName();
}
