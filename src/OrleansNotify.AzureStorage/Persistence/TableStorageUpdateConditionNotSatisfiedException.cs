using OrleansNotify.AzureStorage;

namespace Orleans.Storage;

/// <summary>Somebody else wrote or deleted the row since it was read. The activation that gets it has stale state and should end.</summary>
[Serializable, GenerateSerializer]
public sealed class TableStorageUpdateConditionNotSatisfiedException : InconsistentStateException
{
    internal TableStorageUpdateConditionNotSatisfiedException(string stateName, GrainId grain, string table, string? etag, AzureStorageException? inner)
        : base($"State '{stateName}' of grain {grain} in table '{table}' is not what this activation read or wrote last (ETag {etag ?? "none"}).", "Unknown", etag ?? "", inner!)
    {
        GrainType = stateName;
        GrainId = grain.ToString();
        TableName = table;
    }

    /// <summary>Name of the state (Orleans calls it the grain type).</summary>
    [Id(0)]
    public string GrainType { get; }

    /// <summary>The grain, as type/key.</summary>
    [Id(1)]
    public string GrainId { get; }

    /// <summary>Of the row.</summary>
    [Id(2)]
    public string TableName { get; }
}
