using OrleansNotify.Grains.Channels.Durable;

namespace OrleansNotify.Server.Hosting.BackEnds;

/// <summary>Membership in an Azure storage table.</summary>
internal sealed class AzureCluster(Connection connection) : IBackEnd
{
    /// <inheritdoc />
    public void Configure(ISiloBuilder silo)
    {
        var tables = AzureConnection.Tables(connection);
        silo.UseAzureStorageClustering(options => options.TableServiceClient = tables);
    }

    /// <inheritdoc />
    public Task Check(CancellationToken cancellationToken) => AzureConnection.CheckTable(connection, AzureConnection.MembershipTable, cancellationToken);
}

/// <summary>Durable channels in Azure storage tables.</summary>
internal sealed class AzureTables(Connection connection) : IBackEnd
{
    /// <inheritdoc />
    public void Configure(ISiloBuilder silo)
    {
        var tables = AzureConnection.Tables(connection);
        silo.AddAzureTableGrainStorage(ChannelStorage.ProviderName, options =>
        {
            options.TableServiceClient = tables;
            options.DeleteStateOnClear = true; // else every channel that ever was leaves a row behind
        });
    }

    /// <inheritdoc />
    public Task Check(CancellationToken cancellationToken) => AzureConnection.CheckTable(connection, AzureConnection.StateTable, cancellationToken);
}

/// <summary>Durable channels in Azure storage blobs.</summary>
internal sealed class AzureBlobs(Connection connection) : IBackEnd
{
    /// <inheritdoc />
    public void Configure(ISiloBuilder silo)
    {
        var blobs = AzureConnection.Blobs(connection);
        silo.AddAzureBlobGrainStorage(ChannelStorage.ProviderName, options => options.BlobServiceClient = blobs);
    }

    /// <inheritdoc />
    public Task Check(CancellationToken cancellationToken) => AzureConnection.CheckContainer(connection, AzureConnection.StateContainer, cancellationToken);
}
