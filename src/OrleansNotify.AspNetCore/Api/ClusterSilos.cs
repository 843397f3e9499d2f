using Microsoft.Extensions.Logging;

namespace OrleansNotify.AspNetCore.Api;

/// <summary>The active silos, and calls to their pinned grains, each with a deadline: one silo that does not answer costs its part of the answer, not the answer.</summary>
internal sealed partial class ClusterSilos(IClusterMembershipService membership, ILocalSiloDetails self, TimeProvider time, ILogger<ClusterSilos> logger)
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    /// <summary>Active silos, this one always among them, by tag (and address, should two tags be equal).</summary>
    public SiloAddress[] Active() =>
    [
        .. membership.CurrentSnapshot.Members.Values
            .Where(m => m.Status == SiloStatus.Active || m.SiloAddress.Equals(self.SiloAddress))
            .Select(m => m.SiloAddress)
            .OrderBy(ConnectionId.TagOf)
            .ThenBy(silo => silo.ToParsableString(), StringComparer.Ordinal),
    ];

    /// <summary>Makes a call to a silo.</summary>
    /// <returns>Whether it answered, and the answer.</returns>
    public async Task<(bool Answered, T? Answer)> Ask<T>(SiloAddress silo, Func<ValueTask<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            return (true, await call().AsTask().WaitAsync(Deadline, time, cancellationToken));
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            LogNoAnswer(silo, exception);
            return (false, default);
        }
    }

    [LoggerMessage(4012, LogLevel.Warning, "Silo {Silo} did not answer; the reply is partial.")]
    private partial void LogNoAnswer(SiloAddress silo, Exception exception);
}
