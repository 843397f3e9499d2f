namespace OrleansNotify.Grains.Silos;

/// <summary>The connections of this silo, for <see cref="IFrontEndGrain"/>. In process; absent on a silo without front-end.</summary>
public interface IConnectionDirectory
{
    /// <summary>By rising number.</summary>
    ConnectionInfo[] List(ConnectionQuery query);

    /// <summary>Closes with 3503; false when there is none of that number. Returns before the close is done.</summary>
    bool Disconnect(long number);
}
