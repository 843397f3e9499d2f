using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using OrleansNotify.AspNetCore.Limits;
using OrleansNotify.AspNetCore.Security;
using OrleansNotify.AspNetCore.Security.ApiKeys;
using OrleansNotify.AspNetCore.Security.Tokens;
using OrleansNotify.AspNetCore.Webhooks;
using OrleansNotify.Grains.Channels;
using OrleansNotify.Grains.Silos;
using OrleansNotify.Grains.Streaming;
using OrleansNotify.Server.Hosting;
using OrleansNotify.Testing;

namespace OrleansNotify.Tests.Docs;

/// <summary>The README's table of settings lists what the code reads, with the code's defaults.</summary>
public sealed class SettingsTableTests
{
    private const string Begin = "<!-- settings -->";
    private const string End = "<!-- /settings -->";

    // Where each class of options is bound, in the order of the table.
    private static readonly (Type Options, string Section)[] Sections =
    [
        (typeof(LimitOptions), LimitOptions.Section),
        (typeof(NamespaceOptions), "Notify:Namespaces:{name}"),
        (typeof(ChannelLimitOptions), ChannelLimitOptions.Section),
        (typeof(ClusterOptions), ClusterOptions.Section),
        (typeof(MembershipOptions), MembershipOptions.Section),
        (typeof(StorageOptions), StorageOptions.Section),
        (typeof(WarmUpOptions), WarmUpOptions.Section),
        (typeof(SecurityOptions), SecurityOptions.Section),
        (typeof(TokenOptions), TokenOptions.Section),
        (typeof(ApiKeySettings), "Notify:ApiKeys:{n}"),
        (typeof(WebhookSettings), "Notify:Webhooks:{n}"),
        (typeof(FrontEndStreamOptions), FrontEndStreamOptions.Section),
        (typeof(BeatOptions), BeatOptions.Section),
        (typeof(DevelopmentOptions), "Notify:Development"),
    ];

    [Fact]
    public void The_table_has_every_setting_with_its_default_and_its_range()
    {
        var rows = ReadTable();
        var expected = Sections.SelectMany(section => Settings(section.Options).Select(property => Row(section, property, rows))).ToList();
        var table = string.Join(
            '\n', ["| setting | default | range | meaning |", "|---|---|---|---|", .. expected.Select(row => $"| {string.Join(" | ", row)} |")]);
        Assert.True(
            rows.Values.Select(row => (row[0], row[1], row[2])).SequenceEqual(expected.Select(row => (row[0], row[1], row[2]))),
            $"The table between {Begin} and {End} in README.md should be:\n{table}");
        Assert.All(rows.Values, row => Assert.NotEqual("", row[3]));
    }

    [Fact]
    public void Every_class_of_options_that_is_bound_is_in_the_table()
    {
        IServiceCollection services = null!;
        var app = NotifyServer.Build([], builder => services = builder.Services);
        var bound = services
            .Select(service => service.ServiceType)
            .Where(type => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IOptionsChangeTokenSource<>))
            .Select(type => type.GenericTypeArguments[0])
            .Where(type => type.Assembly.GetName().Name!.StartsWith("OrleansNotify", StringComparison.Ordinal))
            .Append(typeof(NamespaceOptions)) // bound by name, by NamespaceSettings
            .Concat([typeof(TokenOptions), typeof(ApiKeySettings), typeof(WebhookSettings)]) // bound strictly: by StrictBinding
            .Concat([typeof(ClusterOptions), typeof(MembershipOptions), typeof(StorageOptions)]) // read before there are services, by BackEndPlan
            .Select(type => type.Name);
        Assert.Equal(Sections.Select(section => section.Options.Name).Order(), bound.Distinct().Order());
        Assert.NotNull(app);
    }

    [Theory]
    [InlineData("Notify:Limits:MessageBytes", "1023")]
    [InlineData("Notify:Limits:JsonDepth", "1")]
    [InlineData("Notify:Limits:HandshakeTimeout", "00:00:00.9")]
    [InlineData("Notify:Limits:Drain", "00:10:01")]
    [InlineData("Notify:Limits:SubscriptionsPerConnection", "10001")]
    [InlineData("Notify:Namespaces:default:HistorySize", "0")]
    [InlineData("Notify:Namespaces:chat:HistoryTtl", "1.00:00:01")]
    [InlineData("Notify:Namespaces:chat:IdempotencyTtl", "00:00:00.9")]
    [InlineData("Notify:Namespaces:chat:IdempotencyKeys", "0")]
    [InlineData("Notify:Namespaces:chat:PresenceList", "0")]
    [InlineData("Notify:Namespaces:chat:PublishesPerSecond", "100001")]
    [InlineData("Notify:Channels:HistoryPageSize", "19")]
    [InlineData("Notify:Channels:RecoverySize", "10001")]
    [InlineData("Notify:Channels:PageBytes", "65535")]
    [InlineData("Notify:Channels:CollectAfter", "00:00:00.9")]
    [InlineData("Notify:Cluster:ClusterId", "")]
    [InlineData("Notify:Cluster:Membership:ProbeTimeout", "00:00:00.1")]
    [InlineData("Notify:Storage:Path", "")]
    [InlineData("Notify:WarmUp:Requests", "-1")]
    [InlineData("Notify:Security:AllowedOrigins:0", "example.com")]
    [InlineData("Notify:Tokens:MaxTokenBytes", "1023")]
    [InlineData("Notify:ApiKeys:0:Name", "two words")]
    [InlineData("Notify:Webhooks:0:Secret", "short")]
    [InlineData("Notify:Streaming:MaxBatchBytes", "1023")]
    [InlineData("Notify:Beats:Period", "00:00:03")]
    public async Task A_value_out_of_range_stops_the_start_and_names_the_setting(string setting, string value)
    {
        var failure = await Assert.ThrowsAnyAsync<Exception>(() => RunningServer.StartAsync(new() { [setting] = value }));
        var sentence = StartFailure.Describe(failure);
        Assert.Contains(setting.Split(':')[^1] is "0" ? "AllowedOrigins:0" : setting.Split(':')[^1], sentence, StringComparison.Ordinal);
    }

    private static IEnumerable<PropertyInfo> Settings(Type options) =>
        options.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite);

    // Range and meaning are written by hand where no attribute tells the range.
    private static string[] Row((Type Options, string Section) section, PropertyInfo property, Dictionary<string, string[]> rows)
    {
        var name = $"`{section.Section}:{property.Name}`";
        var written = rows.GetValueOrDefault(name);
        var range = property.GetCustomAttribute<RangeAttribute>() is { } attribute ? $"{Show(attribute.Minimum)} – {Show(attribute.Maximum)}" : written?[2] ?? "";
        return [name, $"`{Show(property.GetValue(Activator.CreateInstance(section.Options)))}`", range, written?[3] ?? ""];
    }

    private static string Show(object? value) => value switch
    {
        null or "" => "(none)",
        string text => text,
        bool flag => flag ? "true" : "false",
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        IEnumerable list => list.Cast<object>().Any() ? string.Join(", ", list.Cast<object>()) : "(none)",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    private static Dictionary<string, string[]> ReadTable()
    {
        var readme = File.ReadAllText(Repository.PathOf("README.md"));
        var (begin, end) = (readme.IndexOf(Begin, StringComparison.Ordinal), readme.IndexOf(End, StringComparison.Ordinal));
        Assert.True(begin >= 0 && end > begin, $"README.md has no {Begin} … {End}.");
        return readme[(begin + Begin.Length)..end]
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries)[1..5])
            .ToDictionary(row => row[0], row => row);
    }
}
