namespace OrleansNotify.Grains.Silos;

/// <summary>The connections of this silo, for <see cref="IFrontEndGrain"/>. In process; absent on a silo without front-end.</summary>
public interface IConnectionDirectory
{
    /// <summary>By rising number.</summary>
    ConnectionInfo[] List(ConnectionQuery query);

    /// <summary>Closes with 3503; false when there is none of that number. Returns before the close is done.</summary>
    bool Disconnect(long number);

    /// <summary>Puts a user's connections on a channel, unasked; how many it was news to.</summary>
    int Subscribe(string user, string channel);

    /// <summary>Takes a user's connections from a channel; how many were on it.</summary>
    int Unsubscribe(string user, string channel);
}
