using Azure.Data.Tables;

namespace OrleansNotify.AzureStorage.Clustering;

/// <summary>
/// Whether rows that came in several pages belong to one moment. One page is one query and so a snapshot; between two pages somebody may have written.
/// Every write sets both boundary rows to its version: the first row read and the last tell whether there was one.
/// </summary>
internal static class MembershipPages
{
    /// <summary>Whether the rows may be used.</summary>
    /// <param name="pages">How many the answer came in.</param>
    /// <param name="rows">All of them.</param>
    public static bool AreOneMoment(int pages, IReadOnlyCollection<TableEntity> rows)
    {
        if (pages <= 1)
            return true;
        var start = Version(MembershipRow.StartKey);
        var end = Version(MembershipRow.EndKey);
        // Neither: written by silos from before the boundary rows; nothing can be known.
        if (start == end)
            return true;
        // Such silos in the cluster now (a rolling upgrade) leave the boundaries behind: the version is ahead of both.
        return Version(MembershipRow.VersionKey) is { } version && version > (start ?? -1) && version > (end ?? -1);

        int? Version(string key) => rows.FirstOrDefault(row => row.RowKey == key) is { } row ? MembershipRow.VersionOf(row) : null;
    }
}
