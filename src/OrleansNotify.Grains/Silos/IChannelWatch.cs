namespace OrleansNotify.Grains.Silos;

/// <summary>
/// Is told which channels of this silo somebody in the cluster is attached to. In process; absent where nobody wants to know. Called under the lock of the silo's attachments: it
/// must not wait.
/// </summary>
public interface IChannelWatch
{
    /// <summary>The first front-end has attached. Not told of a channel that came from another silo with its front-ends; told again of one whose silo was lost.</summary>
    void Occupied(string channel);

    /// <summary>The last front-end has detached, has let its lease run out, or has died.</summary>
    void Vacated(string channel);
}
