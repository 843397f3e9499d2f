using Azure;
using Azure.Core;
using Azure.Data.Tables;
using Azure.Storage.Blobs;

namespace OrleansNotify.Server.Hosting.BackEnds;

/// <summary>Reads an Azure storage connection string and tries it. What it says never holds a part of the string but the service's address.</summary>
internal static class AzureConnection
{
    // Azure's own providers make these; the checks look at the same ones.
    public const string MembershipTable = "OrleansSiloInstances";
    public const string StateTable = "OrleansGrainState";
    public const string StateContainer = "grainstate";

    /// <summary>A client for tables.</summary>
    /// <exception cref="StartException">It is no connection string.</exception>
    public static TableServiceClient Tables(Connection connection, bool checking = false) =>
        Read(connection, () => new TableServiceClient(connection.Value, Retry(new TableClientOptions(), checking)));

    /// <summary>A client for blobs.</summary>
    /// <exception cref="StartException">It is no connection string.</exception>
    public static BlobServiceClient Blobs(Connection connection, bool checking = false) =>
        // The newest version that the emulator this repository pins understands as well.
        Read(connection, () => new BlobServiceClient(connection.Value, Retry(new BlobClientOptions(BlobClientOptions.ServiceVersion.V2026_06_06), checking)));

    /// <summary>Makes the table if it is missing, writes a row and deletes it.</summary>
    public static async Task CheckTable(Connection connection, string table, CancellationToken cancellationToken)
    {
        var service = Tables(connection, checking: true);
        await Try(connection, $"table {table}", service.Uri, async () =>
        {
            var client = service.GetTableClient(table);
            await Make(() => service.CreateTableIfNotExistsAsync(table, cancellationToken));
            var (partition, row) = ($"{BackEndPlan.ServiceId}-start-check", Guid.NewGuid().ToString("N"));
            await client.AddEntityAsync(new TableEntity(partition, row), cancellationToken);
            await client.GetEntityAsync<TableEntity>(partition, row, cancellationToken: cancellationToken);
            await client.DeleteEntityAsync(partition, row, ETag.All, cancellationToken);
        });
    }

    /// <summary>Makes the container if it is missing, writes a blob and deletes it.</summary>
    public static async Task CheckContainer(Connection connection, string container, CancellationToken cancellationToken)
    {
        var service = Blobs(connection, checking: true);
        await Try(connection, $"container {container}", service.Uri, async () =>
        {
            var client = service.GetBlobContainerClient(container);
            await Make(() => client.CreateIfNotExistsAsync(cancellationToken: cancellationToken));
            var blob = client.GetBlobClient($"{BackEndPlan.ServiceId}-start-check-{Guid.NewGuid():N}");
            await blob.UploadAsync(new BinaryData("1"), cancellationToken);
            await blob.DownloadContentAsync(cancellationToken);
            await blob.DeleteAsync(cancellationToken: cancellationToken);
        });
    }

    // A signature may allow rows and not tables: then the table has to be there, which the row will show.
    private static async Task Make(Func<Task> make)
    {
        try
        {
            await make();
        }
        catch (RequestFailedException refused) when (refused is { Status: 403, ErrorCode: not "AuthenticationFailed" })
        {
        }
    }

    private static async Task Try(Connection connection, string what, Uri service, Func<Task> calls)
    {
        try
        {
            await calls();
        }
        catch (RequestFailedException failure)
        {
            throw new StartException($"{connection.Setting}: {Reason(failure, what, service)}", failure);
        }
        catch (AggregateException failure) // how the SDK says that all its tries failed to connect
        {
            throw new StartException($"{connection.Setting}: Azure storage at {service.Authority} does not answer.", failure);
        }
    }

    private static string Reason(RequestFailedException failure, string what, Uri service) => (failure.Status, failure.ErrorCode) switch
    {
        (0, _) => $"Azure storage at {service.Authority} does not answer.",
        (403, "AuthenticationFailed") or (401, _) => $"Azure storage at {service.Authority} refuses the account key or signature.",
        (403, null or "") => $"Azure storage at {service.Authority} refuses the account key or signature, or does not allow it reading and writing {what}.", // the emulator gives no code
        (403, var code) => $"Azure storage at {service.Authority} does not allow reading and writing {what} ({code}).",
        (404, var code) => $"Azure storage at {service.Authority} has no {what}, and we may not make it ({code}).",
        (var status, var code) => $"Azure storage at {service.Authority} refuses to read and write {what} ({status} {code}).",
    };

    private static T Read<T>(Connection connection, Func<T> client)
    {
        try
        {
            return client();
        }
        catch (Exception problem) when (problem is FormatException or ArgumentException or InvalidOperationException)
        {
            throw new StartException($"{connection.Setting} is no Azure storage connection string, such as DefaultEndpointsProtocol=https;AccountName=…;AccountKey=….");
        }
    }

    // The SDK's own would let one call hang for minutes; whoever calls has a time limit of seconds, and tries again.
    private static T Retry<T>(T options, bool checking)
        where T : ClientOptions
    {
        options.Retry.Mode = RetryMode.Exponential;
        options.Retry.MaxRetries = checking ? 1 : 3;
        options.Retry.Delay = TimeSpan.FromMilliseconds(100);
        options.Retry.MaxDelay = TimeSpan.FromSeconds(1);
        options.Retry.NetworkTimeout = TimeSpan.FromSeconds(checking ? 3 : 5);
        return options;
    }
}
