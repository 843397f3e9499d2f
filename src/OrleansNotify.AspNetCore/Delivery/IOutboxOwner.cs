namespace OrleansNotify.AspNetCore.Delivery;

/// <summary>Whose outbox it is.</summary>
internal interface IOutboxOwner
{
    /// <summary>The socket did not take a write at once. Called by any thread, often.</summary>
    void Waits();
}
