using System.Globalization;
using System.Net;
using Azure.Data.Tables;

namespace OrleansNotify.AzureStorage.Clustering;

/// <summary>Silos as rows of the membership table: the layout of Microsoft.Orleans.Clustering.AzureStorage, in which every column is text.</summary>
internal static class MembershipRow
{
    /// <summary>Row key of the table's version.</summary>
    public const string VersionKey = "VersionRow";

    /// <summary>Row key of the first boundary row: sorts before every silo.</summary>
    public const string StartKey = "!Start";

    /// <summary>Row key of the last boundary row: sorts after every silo.</summary>
    public const string EndKey = "~End";

    /// <summary>Column of the version, as decimal digits.</summary>
    public const string Version = "MembershipVersion";

    public static string KeyOf(SiloAddress silo) =>
        string.Create(CultureInfo.InvariantCulture, $"{silo.Endpoint.Address}-{silo.Endpoint.Port}-{silo.Generation}");

    public static bool IsSilo(TableEntity row) => row.RowKey is not (VersionKey or StartKey or EndKey);

    public static TableEntity OfVersion(string cluster, int version) => Versioned(cluster, VersionKey, version);

    /// <summary>A row that tells a reader of several pages whether anything was written meanwhile. Active, so that no older cleaner removes it.</summary>
    public static TableEntity OfBoundary(string cluster, string key, int version)
    {
        var row = Versioned(cluster, key, version);
        row["Status"] = nameof(SiloStatus.Active);
        return row;
    }

    public static TableEntity Of(string cluster, MembershipEntry entry)
    {
        var suspects = entry.SuspectTimes ?? [];
        return new TableEntity(cluster, KeyOf(entry.SiloAddress))
        {
            ["DeploymentId"] = cluster,
            ["Address"] = entry.SiloAddress.Endpoint.Address.ToString(),
            ["Port"] = Text(entry.SiloAddress.Endpoint.Port),
            ["Generation"] = Text(entry.SiloAddress.Generation),
            ["HostName"] = entry.HostName,
            ["Status"] = entry.Status.ToString(),
            ["ProxyPort"] = Text(entry.ProxyPort),
            ["RoleName"] = entry.RoleName,
            ["SiloName"] = entry.SiloName,
            ["InstanceName"] = entry.SiloName, // where older silos look for it
            ["UpdateZone"] = Text(entry.UpdateZone),
            ["FaultZone"] = Text(entry.FaultZone),
            ["SuspectingSilos"] = string.Join('|', suspects.Select(suspect => suspect.Item1.ToParsableString())),
            ["SuspectingTimes"] = string.Join('|', suspects.Select(suspect => LogFormatter.PrintDate(suspect.Item2))),
            ["StartTime"] = LogFormatter.PrintDate(entry.StartTime),
            ["IAmAliveTime"] = LogFormatter.PrintDate(entry.IAmAliveTime),
        };
    }

    /// <summary>Only what a sign of life changes.</summary>
    public static TableEntity OfSignOfLife(string cluster, MembershipEntry entry) => new(cluster, KeyOf(entry.SiloAddress))
    {
        ["IAmAliveTime"] = LogFormatter.PrintDate(entry.IAmAliveTime),
    };

    /// <exception cref="FormatException">A column is missing or not what it should be.</exception>
    public static MembershipEntry Read(TableEntity row)
    {
        var entry = new MembershipEntry
        {
            SiloAddress = AddressOf(row, "Port"),
            HostName = row.GetString("HostName"),
            Status = Enum.TryParse<SiloStatus>(row.GetString("Status"), out var status) ? status : throw Malformed(row, "Status"),
            ProxyPort = Number(row, "ProxyPort"),
            RoleName = row.GetString("RoleName"),
            SiloName = row.GetString("SiloName") is { Length: > 0 } name ? name : row.GetString("InstanceName"),
            UpdateZone = Number(row, "UpdateZone"),
            FaultZone = Number(row, "FaultZone"),
            StartTime = Date(row, "StartTime", row.GetString("StartTime")),
            IAmAliveTime = Date(row, "IAmAliveTime", row.GetString("IAmAliveTime")),
        };
        var silos = List(row, "SuspectingSilos");
        var times = List(row, "SuspectingTimes");
        if (silos.Length != times.Length)
            throw Malformed(row, "SuspectingTimes");
        for (var i = 0; i < silos.Length; i++)
            entry.AddSuspector(Silo(row, silos[i]), Date(row, "SuspectingTimes", times[i]));
        return entry;
    }

    /// <summary>The address clients connect to; null when the silo has no gateway.</summary>
    /// <exception cref="FormatException">As for <see cref="Read"/>.</exception>
    public static Uri? GatewayOf(TableEntity row) => Number(row, "ProxyPort") == 0 ? null : AddressOf(row, "ProxyPort").ToGatewayUri();

    /// <exception cref="FormatException">It is not a number.</exception>
    public static int VersionOf(TableEntity row) => row.GetString(Version) is { Length: > 0 } ? Number(row, Version) : throw Malformed(row, Version);

    private static TableEntity Versioned(string cluster, string key, int version) =>
        new(cluster, key) { ["DeploymentId"] = cluster, [Version] = Text(version) };

    private static SiloAddress AddressOf(TableEntity row, string portColumn) =>
        IPAddress.TryParse(row.GetString("Address"), out var address)
            ? SiloAddress.New(new IPEndPoint(address, Number(row, portColumn)), Number(row, "Generation"))
            : throw Malformed(row, "Address");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static int Number(TableEntity row, string column) => row.GetString(column) switch
    {
        null or "" => 0,
        var text when int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) => number,
        _ => throw Malformed(row, column),
    };

    private static DateTime Date(TableEntity row, string column, string? text)
    {
        try
        {
            return string.IsNullOrEmpty(text) ? default : LogFormatter.ParseDate(text);
        }
        catch (FormatException)
        {
            throw Malformed(row, column);
        }
    }

    private static SiloAddress Silo(TableEntity row, string text)
    {
        try
        {
            return SiloAddress.FromParsableString(text);
        }
        catch (Exception malformed) when (malformed is FormatException or ArgumentException or IndexOutOfRangeException or OverflowException)
        {
            throw Malformed(row, "SuspectingSilos");
        }
    }

    private static string[] List(TableEntity row, string column) => row.GetString(column) is { Length: > 0 } text ? text.Split('|') : [];

    private static FormatException Malformed(TableEntity row, string column) =>
        new($"Membership row '{row.RowKey}' of cluster '{row.PartitionKey}': column {column} cannot be read.");
}
