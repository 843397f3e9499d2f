using Azure.Data.Tables;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Clustering.AzureStorage;
using Orleans.Configuration;
using Orleans.Messaging;

namespace OrleansNotify.AzureStorage.Clustering;

/// <summary>The gateways of all active silos, read from their membership table.</summary>
internal sealed partial class AzureGatewayList(
    IOptions<AzureStorageGatewayOptions> options,
    IOptions<ClusterOptions> cluster,
    IOptions<GatewayOptions> gateways,
    TimeProvider time,
    ILogger<AzureGatewayList> logger) : IGatewayListProvider
{
    private readonly string _cluster = cluster.Value.ClusterId;
    private AzureTable? _table;

    public TimeSpan MaxStaleness { get; } = gateways.Value.GatewayListRefreshPeriod;

    public bool IsUpdatable => true;

    public Task InitializeGatewayListProvider() => InitializeGatewayListProviderAsync(CancellationToken.None);

    public async Task InitializeGatewayListProviderAsync(CancellationToken cancellationToken) =>
        _table = await AzureTable.OpenAsync(options.Value, time, cancellationToken);

    public Task<IList<Uri>> GetGateways() => GetGatewaysAsync(CancellationToken.None);

    public Task<IList<Uri>> GetGatewaysAsync(CancellationToken cancellationToken)
    {
        var table = _table ?? throw new InvalidOperationException("The list of gateways is used before it was initialized.");
        var filter = TableClient.CreateQueryFilter($"PartitionKey eq {_cluster} and Status eq {nameof(SiloStatus.Active)} and ProxyPort ne {"0"}");
        return table.Calls.CallAsync<IList<Uri>>(
            async token =>
            {
                var found = new List<Uri>();
                await foreach (var row in table.Client.QueryAsync<TableEntity>(filter, cancellationToken: token))
                {
                    // The boundary rows are active too, and it is the server's affair whether a missing column is "ne".
                    if (MembershipRow.IsSilo(row) && Gateway(row) is { } gateway)
                        found.Add(gateway);
                }

                return found;
            },
            cancellationToken);
    }

    private Uri? Gateway(TableEntity row)
    {
        try
        {
            return MembershipRow.GatewayOf(row);
        }
        catch (FormatException malformed)
        {
            LogMalformed(malformed.Message);
            return null;
        }
    }

    [LoggerMessage(4106, LogLevel.Error, "{Problem} The gateway is left out.")]
    private partial void LogMalformed(string problem);
}
