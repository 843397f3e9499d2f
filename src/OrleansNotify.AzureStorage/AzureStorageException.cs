using Azure;

namespace OrleansNotify.AzureStorage;

/// <summary>
/// A call to Azure storage failed, and one sentence says why; the SDK's own exceptions (several types, headers in their messages) stay behind as the inner one.
/// After a failed write nobody knows whether it was stored.
/// </summary>
[Serializable, GenerateSerializer]
public sealed class AzureStorageException : OrleansException
{
    internal AzureStorageException(string message, int status, string? errorCode, Exception? inner)
        : base(message, inner!) => (Status, ErrorCode) = (status, errorCode);

    /// <summary>The HTTP status; 0: no answer came.</summary>
    [Id(0)]
    public int Status { get; }

    /// <summary>The service's word for it, such as <c>TableNotFound</c>; null when it gave none.</summary>
    [Id(1)]
    public string? ErrorCode { get; }

    /// <summary>Whether somebody else was faster: the row is there already, is gone, or has another ETag. Nothing was stored.</summary>
    internal bool IsConflict => Status is 404 or 409 or 412 && !IsContainerMissing && ErrorCode is not ("TableBeingDeleted" or "ContainerBeingDeleted");

    /// <summary>Whether the table or blob container itself is not there.</summary>
    internal bool IsContainerMissing => ErrorCode is "TableNotFound" or "ContainerNotFound";

    /// <summary>Whether trying again later may help: no answer, throttled, the service's own trouble, or a table that is still being deleted.</summary>
    internal bool IsTransient => Status is 0 or 408 or 429 or >= 500 || ErrorCode is "TableBeingDeleted" or "ContainerBeingDeleted";

    internal static AzureStorageException From(string store, RequestFailedException failure) => failure.Status == 0
        ? Unreachable(store, failure)
        : new($"{store} answered {failure.Status} {failure.ErrorCode}: {FirstLine(failure.Message)}", failure.Status, failure.ErrorCode, failure);

    internal static AzureStorageException Unreachable(string store, Exception failure) =>
        new($"{store} cannot be reached: {FirstLine(failure.GetBaseException().Message)}", 0, null, failure.GetBaseException());

    internal static AzureStorageException Late(string store, TimeSpan limit) =>
        new($"{store} did not answer within {limit.TotalSeconds:0.###} s (StoragePolicyOptions.OperationTimeout).", 0, null, null);

    // The SDK appends status, headers and content to its messages, each on a line of its own.
    private static string FirstLine(string message) => message.AsSpan(0, message.AsSpan().IndexOfAny('\r', '\n') is >= 0 and var end ? end : message.Length).Trim().ToString();
}
