namespace OrleansNotify.Server.Hosting.BackEnds;

/// <summary>Something outside that the silo stands on: membership, or storage.</summary>
internal interface IBackEnd
{
    /// <summary>Puts it into the silo. Nothing is connected yet.</summary>
    void Configure(ISiloBuilder silo);

    /// <summary>Tries what the silo will need of it, before the silo starts: that it answers, and that we may read and write. Leaves nothing behind.</summary>
    /// <exception cref="StartException">It cannot be used; says why, and which setting to look at.</exception>
    Task Check(CancellationToken cancellationToken);
}

/// <summary>A connection string and where it came from.</summary>
/// <param name="Setting">The setting's name, for sentences.</param>
/// <param name="Value">Secret.</param>
internal sealed record Connection(string Setting, string Value)
{
    /// <summary>The setting's name only.</summary>
    public override string ToString() => Setting;
}
