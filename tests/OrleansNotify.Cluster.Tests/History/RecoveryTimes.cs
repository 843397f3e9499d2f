namespace OrleansNotify.Cluster.Tests.History;

/// <summary>How long after a fault the subscribers got something that was published after it: reconnecting, re-activation and repair together.</summary>
/// <param name="Fault">After what.</param>
/// <param name="P50">Half of the subscriptions were served again by then.</param>
/// <param name="P99">99 of 100.</param>
/// <param name="Max">All of them.</param>
/// <param name="Never">Subscriptions that got nothing more.</param>
public sealed record RecoveryTimes(Fault Fault, TimeSpan P50, TimeSpan P99, TimeSpan Max, int Never)
{
    /// <summary>Of one fault.</summary>
    internal static RecoveryTimes Of(Fault fault, RunHistory history, IReadOnlyList<(SubscriberLog Log, SubscriberWalk Walk)> walks)
    {
        var sent = new Dictionary<ulong, TimeSpan>();
        foreach (var attempt in history.Attempts)
            sent[attempt.Payload] = sent.TryGetValue(attempt.Payload, out var earlier) && earlier < attempt.SentAt ? earlier : attempt.SentAt;
        List<TimeSpan> times = [];
        var never = 0;
        foreach (var (_, walk) in walks)
        {
            var index = walk.Arrived.FindIndex(arrived => arrived.At >= fault.At && sent.GetValueOrDefault(arrived.Payload) >= fault.At);
            if (index < 0)
                never++;
            else
                times.Add(walk.Arrived[index].At - fault.At);
        }

        times.Sort();
        return new RecoveryTimes(fault, At(times, 0.5), At(times, 0.99), At(times, 1), never);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Fault.What}: served again p50 {P50.TotalSeconds:0.00} s, p99 {P99.TotalSeconds:0.00} s, max {Max.TotalSeconds:0.00} s, never {Never}";

    /// <summary>The value below or at which <paramref name="share"/> of the sorted values lie; zero of none.</summary>
    internal static TimeSpan At(List<TimeSpan> sorted, double share) =>
        sorted.Count == 0 ? TimeSpan.Zero : sorted[Math.Max(0, (int)Math.Ceiling(share * sorted.Count) - 1)];
}
