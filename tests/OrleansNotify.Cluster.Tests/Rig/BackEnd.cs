namespace OrleansNotify.Cluster.Tests.Rig;

/// <summary>What a cluster keeps its membership in, and, where it can, its channels.</summary>
public abstract class BackEnd : IAsyncDisposable
{
    /// <summary>Whether channels can be durable.</summary>
    public abstract bool KeepsState { get; }

    /// <summary>What a silo is told.</summary>
    public abstract IReadOnlyList<string> Arguments { get; }

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}

/// <summary>The first silo is the membership table: it must not be killed.</summary>
public sealed class DevelopmentBackEnd : BackEnd
{
    /// <inheritdoc/>
    public override bool KeepsState => false;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Arguments => [];

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
