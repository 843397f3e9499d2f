using System.ComponentModel.DataAnnotations;
using Orleans.Configuration;

namespace OrleansNotify.Server.Hosting;

/// <summary>
/// How soon a dead silo is known to be dead. Bound from <c>Notify:Cluster:Membership</c>. The defaults find a killed silo within 2 to 3 s (Orleans' own:
/// 13 s), one that is halted or cut off within about 5 s, and declare nobody dead on the word of one. With Development clustering Orleans' patient defaults stay, but for what is configured here: a silo
/// that stands in a debugger is not dead.
/// </summary>
public sealed class MembershipOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Notify:Cluster:Membership";

    /// <summary>How long a silo may take to answer a probe, and how often it is probed. Default 1 s: ten times what a busy network takes. Orleans widens it where answers are slow.</summary>
    [Range(typeof(TimeSpan), "00:00:00.2", "00:01:00")]
    public TimeSpan ProbeTimeout { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Probes in a row that must be missed before a silo votes against another. Default 2: one lost packet accuses nobody.</summary>
    [Range(1, 100)]
    public int MissedProbes { get; set; } = 2;

    /// <summary>Votes it takes to declare a silo dead; fewer when fewer silos are left. Default 2: a silo that is cut off alone cannot evict the others. One vote saves a second.</summary>
    [Range(1, 10)]
    public int DeathVotes { get; set; } = 2;

    /// <summary>How often each silo reads the membership table, besides the gossip. Default 5 s: how long a silo that missed the gossip can be wrong.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan TableRefresh { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How often each silo writes into the table that it lives. Default 5 s: a cluster that was killed whole and starts again tells the dead rows from live ones sooner.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan IAmAlive { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Orleans' own defaults.</summary>
    internal static MembershipOptions Patient()
    {
        var orleans = new ClusterMembershipOptions();
        return new()
        {
            ProbeTimeout = orleans.ProbeTimeout,
            MissedProbes = orleans.NumMissedProbesLimit,
            DeathVotes = orleans.NumVotesForDeathDeclaration,
            TableRefresh = orleans.TableRefreshTimeout,
            IAmAlive = orleans.IAmAliveTablePublishTimeout,
        };
    }

    /// <summary>Hands them to Orleans.</summary>
    internal void Apply(ClusterMembershipOptions orleans)
    {
        orleans.ProbeTimeout = ProbeTimeout;
        orleans.NumMissedProbesLimit = MissedProbes;
        orleans.NumVotesForDeathDeclaration = DeathVotes;
        // Orleans suspects nobody it has heard from within this times the missed probes, so it is also how soon a silo is found that has gone without closing
        // its connections (halted, cut off): after 5 s, with Orleans' default after 9. Hiccups of 4 s pass.
        orleans.MaxProbeTimeout = 2 * ProbeTimeout;
        orleans.TableRefreshTimeout = TableRefresh;
        orleans.IAmAliveTablePublishTimeout = IAmAlive;
        // Orleans wants at least as many silos watching each one as it takes votes.
        orleans.NumProbedSilos = Math.Max(orleans.NumProbedSilos, DeathVotes);
    }
}
