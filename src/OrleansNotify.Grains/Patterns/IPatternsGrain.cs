namespace OrleansNotify.Grains.Patterns;

/// <summary>
/// Which patterns front-ends want, told from silo to silo: pinned to the silo named in its key (<see cref="SiloAddress.ToParsableString"/>). There is no
/// registry between them: each front-end tells every silo that can host channels, and who joins asks every front-end. So there is nothing whose
/// death would have to be survived.
/// </summary>
[GrainInterfaceType("notify.patterns"), Alias("notify.IPatternsGrain")]
public interface IPatternsGrain : IGrainWithStringKey
{
    /// <summary>The front-end's patterns have changed. When it returns true every channel of this silo that matches, now or ever, streams to the front-end.</summary>
    /// <param name="frontEnd">The front-end.</param>
    /// <param name="number">1, 2, 3… per front-end; one known already changes nothing.</param>
    /// <param name="added">Patterns it wants from now on.</param>
    /// <param name="removed">Patterns it no longer wants.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>False when changes before this one are missing here: tell all by <see cref="Replace"/>.</returns>
    [Alias("Change")]
    ValueTask<bool> Change(SiloAddress frontEnd, long number, string[] added, string[] removed, CancellationToken cancellationToken = default);

    /// <summary>All patterns of a front-end, as of a number.</summary>
    [Alias("Replace")]
    ValueTask Replace(SiloAddress frontEnd, FrontEndPatterns patterns, CancellationToken cancellationToken = default);

    /// <summary>What this silo's own front-end wants; from now on it tells <paramref name="follower"/> every change, whatever membership says.</summary>
    [Alias("Follow")]
    ValueTask<FrontEndPatterns> Follow(SiloAddress follower, CancellationToken cancellationToken = default);
}

/// <summary>The patterns of a front-end.</summary>
/// <param name="Number">Of the last change in it; 0: there was none yet.</param>
/// <param name="Patterns">Each once.</param>
[GenerateSerializer, Immutable, Alias("notify.FrontEndPatterns")]
public sealed record FrontEndPatterns([property: Id(0)] long Number, [property: Id(1)] string[] Patterns);
