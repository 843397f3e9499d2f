namespace OrleansNotify.Sqlite;

/// <summary>Names one record. Bound as parameters, never pasted together: distinct keys stay distinct without an encoding.</summary>
/// <param name="Service">The cluster's service id: services may share a file.</param>
/// <param name="Grain">The grain's id as text, <c>type/key</c>.</param>
/// <param name="State">The state's name within the grain.</param>
internal readonly record struct RecordKey(string Service, string Grain, string State);

/// <summary>What is stored under a key.</summary>
/// <param name="ETag">Of this version: another one at every write, never used again.</param>
/// <param name="Data">The serialized state.</param>
internal sealed record StoredRecord(string ETag, byte[] Data);
