using Azure;

namespace OrleansNotify.AzureStorage;

/// <summary>Calls to one table or container: each ends in time, and each failure is an <see cref="AzureStorageException"/>.</summary>
/// <param name="store">For messages: "Azure table 'x' at http://…". Holds no secret.</param>
/// <param name="policy">Times and retries.</param>
/// <param name="time">Measures them.</param>
/// <param name="create">Makes the table or container; does nothing when it is there.</param>
internal sealed class StoreCalls(string store, AzureStoragePolicyOptions policy, TimeProvider time, Func<CancellationToken, Task> create)
{
    /// <summary>Makes the table or container, waiting for a store that is still starting.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        for (var retry = 0; ; retry++)
        {
            try
            {
                await CreateOnceAsync(cancellationToken);
                return;
            }
            catch (AzureStorageException failure)
                when (failure.IsTransient && retry < policy.MaxCreationRetries && time.GetElapsedTime(began) + policy.PauseBetweenCreationRetries < policy.CreationTimeout)
            {
                await Task.Delay(policy.PauseBetweenCreationRetries, time, cancellationToken);
            }
        }
    }

    /// <summary>One call.</summary>
    /// <exception cref="AzureStorageException">It failed, or had no answer in time.</exception>
    public async Task<T> CallAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(policy.OperationTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token);
        try
        {
            return await call(either.Token);
        }
        catch (RequestFailedException failure)
        {
            throw AzureStorageException.From(store, failure);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception failure) when (deadline.IsCancellationRequested && failure is OperationCanceledException or AggregateException)
        {
            throw AzureStorageException.Late(store, policy.OperationTimeout);
        }
        catch (Exception failure) when (failure is AggregateException or OperationCanceledException or IOException)
        {
            // "Retry failed after 4 tries": the SDK's AggregateException holds one failure for each try, all alike.
            var last = failure is AggregateException { InnerExceptions: [.., var inner] } ? inner : failure;
            throw last is RequestFailedException { Status: not 0 } refused ? AzureStorageException.From(store, refused) : AzureStorageException.Unreachable(store, last);
        }
    }

    /// <summary>The same; a table or container that has gone since the start is made again, once, and the call repeated.</summary>
    public async Task<T> CallOrCreateAsync<T>(Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return await CallAsync(call, cancellationToken);
        }
        catch (AzureStorageException failure) when (failure.IsContainerMissing)
        {
            await CreateOnceAsync(cancellationToken);
            return await CallAsync(call, cancellationToken);
        }
    }

    private Task<bool> CreateOnceAsync(CancellationToken cancellationToken) => CallAsync(
        async token =>
        {
            await create(token);
            return true;
        },
        cancellationToken);
}
