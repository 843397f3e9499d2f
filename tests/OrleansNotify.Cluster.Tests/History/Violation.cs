namespace OrleansNotify.Cluster.Tests.History;

/// <summary>A promise that was broken.</summary>
/// <param name="Kind">Which.</param>
/// <param name="What">Who, where, when: one sentence.</param>
public sealed record Violation(ViolationKind Kind, string What)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Kind}: {What}";
}

/// <summary>The ways to break the promises P1 to P7.</summary>
public enum ViolationKind
{
    /// <summary>P2, P5, P6: acknowledged, or given to others, and neither delivered to somebody entitled to it nor told as missing; or gone from history.</summary>
    Lost,

    /// <summary>P2: one position twice in a session.</summary>
    Duplicated,

    /// <summary>P1: back to a lower position.</summary>
    Reordered,

    /// <summary>P2: an offset was left out and nothing was said.</summary>
    UnexplainedGap,

    /// <summary>P7: one (epoch, offset), two payloads.</summary>
    EpochReuse,

    /// <summary>P5: what the publisher was told is not so.</summary>
    FalseOutcome,

    /// <summary>P4: <c>recovered:false</c> although history reached that far, or <c>recovered:true</c> under another epoch.</summary>
    FalseRecovery,
}
