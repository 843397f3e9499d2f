using Azure.Data.Tables;

namespace OrleansNotify.AzureStorage;

/// <summary>An open table: its client, and calls that end in time.</summary>
internal sealed class AzureTable
{
    private AzureTable(TableClient client, StoreCalls calls) => (Client, Calls) = (client, calls);

    public TableClient Client { get; }

    public StoreCalls Calls { get; }

    /// <summary>Connects, and makes the table when it is missing.</summary>
    /// <exception cref="AzureStorageException">The store refused, or could not be reached within the policy's CreationTimeout.</exception>
    public static async Task<AzureTable> OpenAsync(TableServiceOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        var service = await options.CreateClientAsync();
        var client = service.GetTableClient(options.TableName);
        var calls = new StoreCalls(
            $"Azure table '{options.TableName}' at {service.Uri.GetLeftPart(UriPartial.Path)}", // without its query: that may be a signature
            options.StoragePolicyOptions,
            time,
            token => client.CreateIfNotExistsAsync(token));
        await calls.CreateAsync(cancellationToken);
        return new(client, calls);
    }
}
