namespace OrleansNotify.AzureStorage;

/// <summary>
/// How long calls to the store may take and how often they are tried. <see cref="OperationTimeout"/> holds for every client; the retries only for clients that
/// are made here (from a connection string or a URI in the configuration) without ClientOptions of your own: a ready client keeps its own.
/// </summary>
public sealed class AzureStoragePolicyOptions
{
    /// <summary>Most rows deleted in one transaction. Default 100, which is the service's own limit.</summary>
    public int MaxBulkUpdateRows { get; set; } = 100;

    /// <summary>How often a call that failed in transit, or was throttled, is tried again. Default 3.</summary>
    public int MaxOperationRetries { get; set; } = 3;

    /// <summary>Before the first such retry; doubles with each. Default 100 ms, so that three retries cost 0.7 s.</summary>
    public TimeSpan PauseBetweenOperationRetries { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// A call ends by then, retries included; a write that was under way may or may not have been stored. Default 1.5 s, so that a grain can still answer its
    /// caller (the SDK's own default lets it hang for more than 100 s); 5 s for membership, whose callers wait and try again. Raise it for states of
    /// hundreds of KiB over a slow line.
    /// </summary>
    public TimeSpan OperationTimeout { get; set; } = TimeSpan.FromSeconds(1.5);

    /// <summary>How often making the table or container is tried again at start while the store cannot be reached. Default 60.</summary>
    public int MaxCreationRetries { get; set; } = 60;

    /// <summary>Between those. Default 1 s.</summary>
    public TimeSpan PauseBetweenCreationRetries { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>After this long without the store the start fails, whatever <see cref="MaxCreationRetries"/> says. Default 30 s.</summary>
    public TimeSpan CreationTimeout { get; set; } = TimeSpan.FromSeconds(30);

    internal void Validate(string owner)
    {
        Require(MaxBulkUpdateRows is >= 1 and <= 100, nameof(MaxBulkUpdateRows), "must be 1 to 100");
        Require(MaxOperationRetries >= 0, nameof(MaxOperationRetries), "must not be negative");
        Require(MaxCreationRetries >= 0, nameof(MaxCreationRetries), "must not be negative");
        Require(PauseBetweenOperationRetries >= TimeSpan.Zero, nameof(PauseBetweenOperationRetries), "must not be negative");
        Require(PauseBetweenCreationRetries >= TimeSpan.Zero, nameof(PauseBetweenCreationRetries), "must not be negative");
        Require(OperationTimeout > TimeSpan.Zero, nameof(OperationTimeout), "must be longer than zero");
        Require(CreationTimeout > TimeSpan.Zero, nameof(CreationTimeout), "must be longer than zero");

        void Require(bool holds, string setting, string rule)
        {
            if (!holds)
                throw new Orleans.Runtime.OrleansConfigurationException($"{owner}: StoragePolicyOptions.{setting} {rule}.");
        }
    }

    /// <summary>Gives a client that is made here its retries.</summary>
    internal void Apply(Azure.Core.RetryOptions retry)
    {
        retry.Mode = Azure.Core.RetryMode.Exponential;
        retry.MaxRetries = MaxOperationRetries;
        retry.Delay = PauseBetweenOperationRetries;
        retry.MaxDelay = OperationTimeout;
        retry.NetworkTimeout = OperationTimeout;
    }
}
