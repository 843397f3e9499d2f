namespace OrleansNotify.Grains.Revocations;

/// <summary>
/// Which tokens are good no more, of the whole cluster. One grain, key 0; every silo reads what is new once a second and judges by what it read, so a token costs no
/// call and a silo that cannot reach this grain goes on with what it knows.
/// </summary>
[GrainInterfaceType("notify.revocations"), Alias("notify.IRevocationsGrain")]
public interface IRevocationsGrain : IGrainWithIntegerKey
{
    /// <summary>Adds a revocation, stored before it returns where a store is configured. Of two for the same the later end counts, and the later moment.</summary>
    /// <exception cref="Exception">The store does not take it: nothing was changed.</exception>
    [Alias("Revoke")]
    ValueTask<RevocationResult> Revoke(RevocationOrder order, CancellationToken cancellationToken = default);

    /// <summary>What is new.</summary>
    /// <param name="run">Of the last answer; <see cref="Guid.Empty"/>: none.</param>
    /// <param name="version">Of the last answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    [Alias("Read")]
    ValueTask<RevocationNews> Read(Guid run, long version, CancellationToken cancellationToken = default);

    /// <summary>What a silo knows, told to a new run of this grain: without a store that is all it can know of what was before it.</summary>
    [Alias("Offer")]
    ValueTask Offer(Revocation[] known, CancellationToken cancellationToken = default);
}

/// <summary>What is revoked.</summary>
public enum RevocationKind
{
    /// <summary>The token of this id (<c>jti</c>).</summary>
    Token = 0,

    /// <summary>Whatever this user was given until now.</summary>
    User = 1,
}

/// <summary>Asks for a revocation.</summary>
/// <param name="Kind">What is revoked.</param>
/// <param name="Name">Which.</param>
/// <param name="Until">Until when it is kept: when the last token it is about has expired.</param>
[GenerateSerializer, Immutable, Alias("notify.RevocationOrder")]
public sealed record RevocationOrder([property: Id(0)] RevocationKind Kind, [property: Id(1)] string Name, [property: Id(2)] DateTimeOffset Until);

/// <summary>What became of it.</summary>
/// <param name="IsTaken">False: the list is full (<see cref="RevocationList.MaxCount"/>, <see cref="RevocationList.MaxBytes"/>), nothing was changed.</param>
/// <param name="IsStored">Whether it survives the end of all silos: a store is configured.</param>
[GenerateSerializer, Immutable, Alias("notify.RevocationResult")]
public readonly record struct RevocationResult([property: Id(0)] bool IsTaken, [property: Id(1)] bool IsStored);

/// <summary>A revocation.</summary>
/// <param name="Kind">What is revoked.</param>
/// <param name="Name">Which.</param>
/// <param name="At">When it was revoked. Of a user: a token that says it was issued later (<c>iat</c>) is good.</param>
/// <param name="Until">Until when it is kept.</param>
[GenerateSerializer, Immutable, Alias("notify.Revocation")]
public sealed record Revocation(
    [property: Id(0)] RevocationKind Kind, [property: Id(1)] string Name, [property: Id(2)] DateTimeOffset At, [property: Id(3)] DateTimeOffset Until);

/// <summary>Revocations a silo does not know yet.</summary>
/// <param name="Run">Of the grain's activation: another one than last time has forgotten what it was told, but for what was stored.</param>
/// <param name="Version">To read on from.</param>
/// <param name="Revocations">All of a run that is new to the silo.</param>
[GenerateSerializer, Immutable, Alias("notify.RevocationNews")]
public sealed record RevocationNews([property: Id(0)] Guid Run, [property: Id(1)] long Version, [property: Id(2)] Revocation[] Revocations);
