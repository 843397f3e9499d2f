namespace OrleansNotify.Sqlite;

/// <summary>A record to be written or deleted if its version is still the expected one.</summary>
/// <param name="key">Which.</param>
/// <param name="expected">ETag it must have now; null: there must be none.</param>
/// <param name="data">New content; null: delete it.</param>
internal sealed class RecordWrite(RecordKey key, string? expected, ReadOnlyMemory<byte>? data)
{
    /// <summary>Which record.</summary>
    public RecordKey Key => key;

    /// <summary>ETag it must have; null: none.</summary>
    public string? Expected => expected;

    /// <summary>New content; null: delete.</summary>
    public ReadOnlyMemory<byte>? Data => data;

    /// <summary>ETag after the write: random, so that a record deleted and made again never gets one back that somebody still holds.</summary>
    public string ETag { get; } = Guid.NewGuid().ToString("N");

    /// <summary>Set by the commit that carried it: whether the version was the expected one, so that it was applied.</summary>
    public bool Applied { get; set; }
}
