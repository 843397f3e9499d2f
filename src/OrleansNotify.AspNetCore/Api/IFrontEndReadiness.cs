namespace OrleansNotify.AspNetCore.Api;

/// <summary>Whether this silo's front-end can take connections; asked by <c>/health</c>.</summary>
public interface IFrontEndReadiness
{
    /// <summary>True from the moment that connections get everything they are due.</summary>
    bool IsReady { get; }

    /// <summary>Why it is not ready; any text when it is.</summary>
    string Reason { get; }
}
